"""Reasons as data: a code and arguments beside each text, which stays for one release.

What the release before stored as sentences is read once, here. A sentence that is none of these
(the words of a service or a driver, mostly) becomes an argument, as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: Table, number column, text column, beginning of the names of the new columns.
_ADDED = (
    ("services", "pk", "state_reason", "state_reason"),
    ("services", "pk", "last_failure_reason", "last_failure_reason"),
    ("frames", "id", "reason", "reason"),
    ("events", "id", "text", "reason"),
    ("alarms", "id", "cause", "cause"),
)
_ROWS_AT_ONCE = 1000
_LONGEST = 500  # characters of a quotation

# Sentence and code. {name:int}, {name:float}, {name:word}, {name:text}: an argument; {name:reason}:
# another sentence; `heard`, `together` and `moved`: the end of one, which may be missing. The first
# sentence that fits counts.
_SENTENCES = (
    ("registered", "service.registered"),
    ("registered again", "service.registered_again"),
    ("registered, version {version:text}", "service.registered_version"),
    (
        "registered in place of service_id={before:text} ({times:int} ×)",
        "service.replaced_often",
    ),
    ("registered in place of service_id={before:text}", "service.replaced"),
    ("heartbeat", "service.heartbeat"),
    ("a probe was answered", "service.probed"),
    ("an inference succeeded", "service.inferred"),
    ("no heartbeat for {silent_sec:float} s{together:together}", "service.no_heartbeat"),
    ("; {silent:int} of {online:int} services at once", "service.together"),
    (
        "calls fail ({calls:reason}) though heartbeats of its id arrive; probe failed: "
        "{answer:reason}{together:together}{moved:moved}",
        "service.calls_fail",
    ),
    (
        "probe failed: {answer:reason}{heard:heard}{together:together}{moved:moved}",
        "service.probe_failed",
    ),
    (", though heartbeats of its id arrive", "service.though_heard"),
    ("; moved to {endpoint:text}", "service.moved"),
    ("no reason known", "service.no_reason_known"),
    ("unregistered by request, by {by:text}", "service.unregistered"),
    ("all services were cleared by request (clear_all)", "service.all_cleared"),
    (
        "{living:int} of {online:int} services at once, so look at this server first "
        "({own_api:reason})",
        "service.look_here",
    ),
    ("its API does not answer at {url:text}: {answer:reason}", "own_api.silent"),
    ("its API answers at {url:text}", "own_api.answers"),
    ("a probe was answered; {blame:reason}", "service.probed_of_many"),
    ("waits for approval, asked from {source:text}", "service.asks_approval"),
    (
        "sends a heartbeat every {pause_sec:int} s, heartbeat_timeout_sec is "
        "{timeout_sec:float}, in time again",
        "heartbeats.in_time_again",
    ),
    (
        "sends a heartbeat every {pause_sec:int} s, heartbeat_timeout_sec is {timeout_sec:float}",
        "heartbeats.too_rare",
    ),
    ("HTTP status {status:int}", "call.http_status"),
    (
        "HTTP status {status:int}, redirects are not followed: register the address it leads to",
        "call.redirected",
    ),
    ("HTTP status {status:int}: {error:text}", "call.http_error"),
    ("not JSON: {body_bytes:int} bytes", "call.not_json"),
    ("no field 'success' of true or false in the answer", "call.no_success_field"),
    ("success:false without an error", "call.refused_silently"),
    ("cannot connect: {why:reason}", "call.not_connected"),
    ("Connection refused", "connection.refused"),
    ("no answer within {timeout_sec:float} s", "call.timed_out"),
    ("the connection was lost", "call.connection_lost"),
    ("the answer is not HTTP", "call.not_http"),
    ("internal error: {error:text}", "call.internal_error"),
    ("not called: its lease was not renewed in time", "frame.not_called"),
    ("the picture has gone from the store", "frame.picture_gone"),
    ("the picture was gone before it could be moved", "frame.picture_lost"),
    ("a newer picture had taken its key", "frame.picture_replaced"),
    ("another picture lay where this one had been put", "frame.picture_foreign"),
    (
        "its picture was not there when a backup was restored: inferred since, or deleted",
        "frame.not_in_backup",
    ),
    ("given up by request (discard)", "frame.discarded"),
    (
        "more than {n:int} frames waited (queue_full_strategy {strategy:text})",
        "frame.queue_full",
    ),
    ("more than {n:int} frames of this camera waited (max_frame_count)", "frame.camera_full"),
    ("waited for {limit_hours:float} hours (outage_retention_hours)", "frame.waited_too_long"),
    ("failed {limit_days:float} days ago (failed_retention_days)", "frame.failed_long_ago"),
    (
        "less than {limit_percent:float} % of the disk was free (disk_min_free_percent)",
        "frame.disk_low",
    ),
    ("{outcome:word}: {n:int} frames at first: {reason:reason}", "frames.dropped"),
    ("{n:int} frames parked: no service of this type takes work", "frames.parked"),
    ("{n:int} frames wait again: their worker on this machine has ended", "frames.taken_back"),
    (
        "{n:int} frames wait again: their worker died, or could not renew their leases",
        "frames.leases_expired",
    ),
    ("started", "process.started"),
    ("started again: {why:reason}", "process.started_again"),
    ("ended in order", "process.ended_in_order"),
    ("{why:reason}, and it did not end when asked", "process.did_not_end"),
    ("it has hung: no sign of life for {silent_sec:int} s", "process.hung"),
    (
        "it takes no tasks: beat sends, the broker answers, no scan for {idle_sec:int} s",
        "process.takes_no_tasks",
    ),
    ("it had ended by itself with exit code {exit_code:int}", "process.exited"),
    ("it had ended soon after its start", "process.ended_soon"),
    ("it was killed by a signal", "process.killed_by_some_signal"),
    ("it was killed by signal {signal:int}", "process.killed_by_signal"),
    ("it was killed by SIGKILL, which easyai did not send", "process.killed_by_sigkill"),
    (
        "it was killed for lack of memory: the memory limit was hit (oom_kill in memory.events)",
        "process.killed_for_memory",
    ),
    ("it answers again, after {failures:int} failed calls in a row", "service.breaker_closed"),
    (
        "{failures:int} failed calls in a row, the last one: {reason:reason}",
        "service.breaker_opened",
    ),
    (
        "service_id={service_id:text} registered{what:registered}",
        "service.event_registered",
    ),
    ("service_id={service_id:text}: {what:reason}", "service.event"),
    (
        "{evidence:reason}; it was {was:word} for {away_sec:float} s",
        "service.back",
    ),
)
_PLACE = re.compile(r"\{(\w+):(\w+)\}")
_PATTERNS = {
    "int": r"[-+]?\d+",
    "float": r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?",
    "word": r"\w+",
    "text": r".+?",
    "reason": r".+?",
    "heard": r"(?:, though heartbeats of its id arrive)?",
    "together": r"(?:; \d+ of \d+ services at once)?",
    "moved": r"(?:; moved to .+)?",
    "registered": r"(?:,| in place of ).+",
}


def _quoted(text: str) -> tuple[str, dict[str, Any]]:
    return "quoted", {"text": text if len(text) <= _LONGEST else text[:_LONGEST] + "…"}


def _nested(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    code, args = reason_of(text)
    return {"code": code, "args": args}


_READ: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "word": str,
    "text": str,
    "reason": _nested,
    "heard": _nested,
    "together": _nested,
    "moved": _nested,
    "registered": lambda rest: _nested(f"registered{rest}"),
}


def _compiled(sentence: str) -> tuple[re.Pattern[str], dict[str, str]]:
    kinds = dict(_PLACE.findall(sentence))
    pattern, end = "", 0
    for place in _PLACE.finditer(sentence):
        pattern += re.escape(sentence[end : place.start()])
        pattern += f"(?P<{place[1]}>{_PATTERNS[place[2]]})"
        end = place.end()
    return re.compile(pattern + re.escape(sentence[end:]), re.DOTALL), kinds


_KNOWN = [(*_compiled(sentence), code) for sentence, code in _SENTENCES]


def reason_of(text: str) -> tuple[str, dict[str, Any]]:
    """The code and the arguments of a sentence of the release before."""
    for pattern, kinds, code in _KNOWN:
        found = pattern.fullmatch(text)
        if found is not None:
            return code, {name: _READ[kind](found[name]) for name, kind in kinds.items()}
    return _quoted(text)


def cause_of(text: str) -> tuple[str, dict[str, Any]]:
    """The same of a cause, which was a code or a sentence."""
    if not text:
        return "", {}
    return ("name.cause", {"name": text}) if re.fullmatch(r"[a-z_]+", text) else reason_of(text)


def upgrade() -> None:
    conn = op.get_bind()
    for table, number, text, name in _ADDED:
        op.add_column(table, sa.Column(f"{name}_code", sa.Text()))
        op.add_column(table, sa.Column(f"{name}_args", sa.Text()))
        read = cause_of if text == "cause" else reason_of
        update = sa.text(
            f"UPDATE {table} SET {name}_code = :code, {name}_args = :args WHERE {number} = :number"
        )
        for rows in _texts(conn, table, number, text):
            values = [(row[0], *read(row[1])) for row in rows]
            conn.execute(
                update,
                [{"number": row, "code": code, "args": _json(args)} for row, code, args in values],
            )


def _json(args: dict[str, Any]) -> str | None:
    return json.dumps(args, ensure_ascii=False, separators=(",", ":")) if args else None


def _texts(conn: sa.Connection, table: str, number: str, text: str) -> Iterator[list[Any]]:
    """The rows that have a text, some at a time, in the order of their numbers."""
    select = sa.text(
        f"SELECT {number}, {text} FROM {table} WHERE {number} > :last AND {text} IS NOT NULL "
        f"ORDER BY {number} LIMIT {_ROWS_AT_ONCE}"
    )
    last = -1
    while rows := list(conn.execute(select, {"last": last})):
        yield rows
        last = rows[-1][0]


def downgrade() -> None:
    for table, _, _, name in reversed(_ADDED):
        op.drop_column(table, f"{name}_args")
        op.drop_column(table, f"{name}_code")
