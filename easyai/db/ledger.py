"""The SQL of the ledger, each statement named by its effect.

States: pending → leased → done | failed | dropped, or parked instead of pending while a type has no
live service (db/admission_rows.py). db/waiting.py selects the frames to lease next. A lease carries
a token, and only the holder of the token may settle the frame. So a late result is ignored when the
lease has expired and the frame was leased again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, TextClause, bindparam, text

from easyai.db import direct
from easyai.db.locks import Skipping
from easyai.db.many import ManyRows
from easyai.db.waiting import PendingFrame
from easyai.errors import ConflictError

_CHUNK: Final = 500  # values in an IN list: SQLite's parser and planner stay quick


def _in(sql: str, *names: str) -> TextClause:
    return text(sql).bindparams(*(bindparam(name, expanding=True) for name in names))


class LeasedFrame(NamedTuple):
    """A frame with everything that its holder needs to call an algorithm and to settle."""

    # As in PendingFrame: a dataclass could inherit them, but takes eight times as long to make.
    id: int
    key: str
    task_type: str
    task_id: str
    version: str
    image_path: str | None
    attempts: int
    tries: int
    last_failure_at: float
    avoid_service: int | None
    leased_before: bool
    arrived_at: float

    service_pk: int
    lease_token: str
    held_key: str = ""  # the private name under which the picture is held

    @property
    def image_key(self) -> str:
        """Where the picture is now: its held key, its key, or under failed/ after a requeue."""
        return self.held_key or self.image_path or self.key


_IN_FLIGHT = text("""
    SELECT service_pk, task_type, count(*) FROM frames
     WHERE state = 'leased' GROUP BY service_pk, task_type
""")
_IN_FLIGHT_AT = text("""
    SELECT count(*) FROM frames WHERE state = 'leased' AND service_pk = :service_pk
""")
# Without coalesce PostgreSQL would join the ids with the whole indexes of waiting frames.
_LEASE = ManyRows(
    """
    UPDATE frames
       SET state = 'leased', service_pk = {service_pk}, lease_token = {token},
           lease_expires_at = {expires_at}, leased_at = {now}
    {rows} WHERE frames.id = {id} AND coalesce(frames.state, '') IN ('pending', 'parked')
    """,
    {"id": int, "service_pk": int, "token": str, "expires_at": float, "now": float},
)
# Skip a frame that another transaction locks: its own worker settles it, so it needs no lease.
_RENEW = Skipping(
    """
    UPDATE frames SET lease_expires_at = :expires_at
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'leased' AND lease_token IN :tokens {skipping})
    RETURNING lease_token
    """,
    "tokens",
)
_GIVE_BACK = _in(
    """
    UPDATE frames SET state = 'pending', lease_token = NULL, lease_expires_at = NULL
     WHERE state = 'leased' AND lease_token IN :tokens
    """,
    "tokens",
)
# Skip a lease that another transaction locks: that transaction settles or renews the lease.
_EXPIRE = Skipping("""
    UPDATE frames SET state = 'pending', lease_token = NULL, lease_expires_at = NULL
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'leased' AND lease_expires_at <= :now {skipping})
    RETURNING task_type
""")
_SPARE = Skipping("""
    UPDATE frames SET lease_expires_at = :expires_at
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'leased' AND lease_expires_at <= :now {skipping})
""")
_TOKENS = text("SELECT DISTINCT lease_token FROM frames WHERE state = 'leased'")
_TAKE_BACK = Skipping(
    """
    UPDATE frames SET state = 'pending', lease_token = NULL, lease_expires_at = NULL
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'leased' AND lease_token IN :tokens {skipping})
    RETURNING task_type
    """,
    "tokens",
)
_HELD = _in(
    """
    SELECT id FROM frames WHERE id IN :ids AND state = 'leased' AND lease_token = :token
    """,
    "ids",
)
_HELD_LOCKED = _in(f"{_HELD.text} ORDER BY id FOR UPDATE", "ids")
_FINISH = ManyRows(
    """
    UPDATE frames
       SET state = {state}, outcome = {outcome}, reason = {reason}, reason_code = {reason_code},
           reason_args = {reason_args}, attempts = {attempts},
           settled_at = {now}, detection_count = {detection_count}, inference_ms = {inference_ms},
           image_path = {image_path}, image_target = {image_target},
           tries = {tries}, requeued_at = NULL, lease_token = NULL, lease_expires_at = NULL
    {rows} WHERE frames.id = {id} AND frames.state = 'leased' AND frames.lease_token = {token}
    """,
    {
        "id": int,
        "token": str,
        "state": str,
        "outcome": str,
        "reason": str,
        "reason_code": str,
        "reason_args": str,
        "attempts": int,
        "tries": int,
        "detection_count": int,
        "inference_ms": float,
        "image_path": str,
        "image_target": str,
        "now": float,
    },
)
# Uses the partial index of tried frames, without failed frames: their camera is known already.
_FAILING_CAMERAS = text("""
    SELECT count(*) FROM (
        SELECT DISTINCT task_type, task_id FROM frames
         WHERE settled_at IS NULL AND tries > 0 AND avoid_service = :pk
           AND last_failure_at >= :since LIMIT :most) AS cameras
""")
_RETURN = ManyRows(
    """
    UPDATE frames
       SET state = 'pending', reason = {reason}, reason_code = {reason_code},
           reason_args = {reason_args}, attempts = {attempts}, tries = {tries},
           due_at = {due_at}, last_failure_at = {now}, avoid_service = frames.service_pk,
           lease_token = NULL, lease_expires_at = NULL
    {rows} WHERE frames.id = {id} AND frames.state = 'leased' AND frames.lease_token = {token}
    """,
    {
        "id": int,
        "token": str,
        "reason": str,
        "reason_code": str,
        "reason_args": str,
        "attempts": int,
        "tries": int,
        "due_at": float,
        "now": float,
    },
)


def in_flight(conn: Connection) -> Sequence[tuple[int, str, int]]:
    """Live leases as (service pk, task type, count)."""
    return [(row[0], row[1], row[2]) for row in direct.rows(conn, _IN_FLIGHT)]


def in_flight_at(conn: Connection, service_pk: int) -> int:
    """Count the live leases of an endpoint."""
    count: int = conn.execute(_IN_FLIGHT_AT, {"service_pk": service_pk}).scalar_one()
    return count


def lease(
    conn: Connection,
    chosen: Sequence[tuple[PendingFrame, int]],
    token: str,
    now: float,
    expires_at: float,
) -> list[LeasedFrame]:
    """Lease waiting frames, each to a service's pk, inside a dispatching transaction.

    All leases share the token. Raises ConflictError when a frame no longer waits.
    """
    shared = {"token": token, "now": now, "expires_at": expires_at}
    in_order = sorted(chosen, key=lambda choice: choice[0].id)
    rows: list[dict[str, Any]] = [
        {"id": frame.id, "service_pk": pk, **shared} for frame, pk in in_order
    ]
    if _LEASE.run(conn, rows) != len(rows):
        raise ConflictError
    return [LeasedFrame(*frame, pk, token) for frame, pk in in_order]


def failing_cameras(conn: Connection, service_pk: int, since: float, most: int) -> int:
    """Count cameras with waiting frames that failed at an endpoint since `since`; up to `most`."""
    values = {"pk": service_pk, "since": since, "most": most}
    return int(conn.execute(_FAILING_CAMERAS, values).scalar_one())


def renew(conn: Connection, tokens: Sequence[str], expires_at: float) -> dict[str, int]:
    """Renew leases while their calls are under way; returns the number of frames by token."""
    return Counter(
        conn.execute(_RENEW.on(conn), {"tokens": tokens, "expires_at": expires_at}).scalars()
    )


def give_back(conn: Connection, tokens: Sequence[str]) -> int:
    """Give unused leases back; returns how many frames are pending again."""
    return conn.execute(_GIVE_BACK, {"tokens": tokens}).rowcount


def expire(conn: Connection, now: float) -> dict[str, int]:
    """Make frames with expired leases pending; returns their number by task type."""
    return Counter(conn.execute(_EXPIRE.on(conn), {"now": now}).scalars())


def tokens(conn: Connection) -> list[str]:
    """The tokens of all live leases."""
    return list(conn.execute(_TOKENS).scalars())


def take_back(conn: Connection, tokens: Sequence[str]) -> dict[str, int]:
    """Make the frames of dead holders pending; returns their number by task type."""
    returned: Counter[str] = Counter()
    for start in range(0, len(tokens), _CHUNK):
        values = {"tokens": tokens[start : start + _CHUNK]}
        returned.update(conn.execute(_TAKE_BACK.on(conn), values).scalars())
    return returned


def spare(conn: Connection, now: float, expires_at: float) -> None:
    """Renew expired leases, because the clock jumped over their end."""
    conn.execute(_SPARE.on(conn), {"now": now, "expires_at": expires_at})


def still_held(conn: Connection, by_token: Mapping[str, Sequence[int]]) -> set[tuple[int, str]]:
    """Lock the frames (ids by token) that are still leased under their token, to settle them.

    Returns (id, token): a process that was stopped for a while may hold two leases of the same
    frame, the first of which has expired.
    """
    statement = _HELD if conn.dialect.name == "sqlite" else _HELD_LOCKED
    held: set[tuple[int, str]] = set()
    for token in sorted(by_token):
        values = {"ids": by_token[token], "token": token}
        held |= {(frame_id, token) for frame_id in conn.execute(statement, values).scalars()}
    return held


def finish(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Settle frames for good, each with its outcome and the target of its picture.

    Returns how many frames were settled. Frames that are no longer leased under the given token
    stay unchanged.
    """
    return _FINISH.run(conn, rows)


def return_to_pending(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Give frames another attempt later; returns how many were still leased under their token."""
    return _RETURN.run(conn, rows)
