"""The SQL of waiting frames: how many frames wait, and which frames are leased next.

Pending frames wait for a service or for their next attempt. Frames are parked
(db/admission_rows.py) when their type has no live service; they are leased when no pending frame of
their type can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, TextClause, text

from easyai.db import direct
from easyai.db.locks import Skipping
from easyai.domain.breaker import LONGEST_PAUSE_SEC, LONGEST_RETRY_SEC

# The longest wait of a frame or an endpoint, including the difference between two clocks.
LONGEST_WAIT_SEC: Final = 2 * LONGEST_PAUSE_SEC


class PendingFrame(NamedTuple):
    """A frame, pending or parked, that may be leased now."""

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
    leased_before: bool  # an earlier call may have been cut off half-way
    arrived_at: float  # when the frame was found, or requeued by an operator


@dataclass(slots=True)
class WaitingType:
    """A task type with waiting frames."""

    name: str
    pending: bool = False  # whether some pending frames may be leased now
    parked: bool = False
    next_due_at: float | None = None  # when the next pending frame that is not due now becomes due


_COUNTS = text("SELECT task_type, count(*) FROM frames WHERE state = 'pending' GROUP BY task_type")
_COLUMNS: Final = """id, key, task_type, task_id, version, image_path, attempts, tries,
           last_failure_at, avoid_service, leased_at IS NOT NULL,
           coalesce(requeued_at, found_at)"""
_NEXT: Final = {
    state: f"state = '{state}' AND task_type = {{task_type}} AND due_at <= {{now}}"
    for state in ("pending", "parked")
}
_BRANCHES: Final = (1, 4, 16, 64)  # sub-selects in an SQLite statement: few statements to cache
# For types with a state per camera: the oldest waiting frame of each camera without a frame in
# flight. The recursion jumps from camera to camera along the index instead of reading every frame.
# A frame that waits longer than any retry has stepped aside (domain/fate.py) and blocks no frame.
_DUE_HEADS = text("""
    WITH RECURSIVE camera(stream) AS (
        SELECT min(stream) FROM frames
         WHERE state = 'pending' AND stream IS NOT NULL AND task_type = :task_type
        UNION ALL
        SELECT (SELECT min(stream) FROM frames
                 WHERE state = 'pending' AND stream IS NOT NULL AND task_type = :task_type
                   AND stream > camera.stream)
          FROM camera WHERE camera.stream IS NOT NULL
    )
    SELECT head.id, head.key, head.task_type, head.task_id, head.version, head.image_path,
           head.attempts, head.tries, head.last_failure_at, head.avoid_service,
           head.leased_at IS NOT NULL, coalesce(head.requeued_at, head.found_at)
      FROM camera JOIN frames AS head ON head.id = (
           SELECT id FROM frames
            WHERE state = 'pending' AND stream IS NOT NULL AND task_type = :task_type
              AND stream = camera.stream
              AND (due_at <= :now OR last_failure_at = 0
                   OR due_at - last_failure_at <= :longest_wait)
            ORDER BY captured_at, id LIMIT 1)
     WHERE head.due_at <= :now
       AND NOT EXISTS (SELECT 1 FROM frames AS held
                        WHERE held.state = 'leased' AND held.task_type = :task_type
                          AND held.stream = camera.stream)
     ORDER BY head.due_at, head.id LIMIT :most
""")
# The oldest and the newest due frames: a camera that has just started has no old frames.
_ENDS = " UNION ".join(
    f"""
        SELECT * FROM (SELECT id AS due_id, task_id AS camera FROM frames
                        WHERE {condition.format(task_type=":task_type", now=":now")}
                        ORDER BY due_at {way}, id {way} LIMIT :looked_at) AS {state}_{way}"""  # noqa: S608
    for state, condition in _NEXT.items()
    for way in ("ASC", "DESC")
)
_FOR_TRIAL = text(f"""
    WITH due AS ({_ENDS}
    ), failed AS (
        SELECT task_id AS camera, max(last_failure_at) AS failed_at FROM frames
         WHERE settled_at IS NULL AND tries > 0 AND task_type = :task_type GROUP BY task_id
    )
    SELECT {_COLUMNS}
      FROM due JOIN frames ON id = due_id LEFT JOIN failed ON failed.camera = due.camera
     ORDER BY coalesce(failed_at, 0), due_at, id LIMIT :most
""")  # noqa: S608
_LOOKED_AT: Final = 2000  # frames at each end
# The recursion jumps from type to type along the index instead of reading every frame.
_TYPES = text("""
    WITH RECURSIVE kind(task_type) AS (
        SELECT min(task_type) FROM frames WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(task_type) FROM frames
                 WHERE state = 'pending' AND task_type > kind.task_type)
          FROM kind WHERE kind.task_type IS NOT NULL
    ), parked(task_type) AS (
        SELECT min(task_type) FROM frames WHERE state = 'parked'
        UNION ALL
        SELECT (SELECT min(task_type) FROM frames
                 WHERE state = 'parked' AND task_type > parked.task_type)
          FROM parked WHERE parked.task_type IS NOT NULL
    )
    SELECT task_type, 0,
           (SELECT min(due_at) FROM frames WHERE state = 'pending' AND task_type = kind.task_type),
           (SELECT min(due_at) FROM frames
             WHERE state = 'pending' AND task_type = kind.task_type AND due_at > :now)
      FROM kind WHERE task_type IS NOT NULL
    UNION ALL
    SELECT task_type, 1, NULL, NULL FROM parked WHERE task_type IS NOT NULL
""")
# Skip a frame that another transaction locks: that transaction leases or hurries the frame.
_HURRY = tuple(
    Skipping(
        f"""
        UPDATE frames SET due_at = :now
         WHERE id IN (SELECT id FROM frames
                       WHERE state = '{state}' AND due_at > :now AND due_at <= :furthest
                         AND task_type IN :task_types {{skipping}})
        """,  # noqa: S608
        "task_types",
    )
    for state in _NEXT
)


def counts(conn: Connection) -> dict[str, int]:
    """Count pending frames by task type, without parked frames; reads every pending frame."""
    return {row[0]: row[1] for row in conn.execute(_COUNTS)}


def types(conn: Connection, now: float) -> list[WaitingType]:
    """Task types with waiting frames, in order of name; needs a few index look-ups for a type."""
    by_name: dict[str, WaitingType] = {}
    for task_type, parked, first_at, later_at in direct.rows(conn, _TYPES, {"now": now}):
        waiting_type = by_name.setdefault(task_type, WaitingType(task_type))
        if parked:
            waiting_type.parked = True
        else:
            waiting_type.pending = first_at <= now
            waiting_type.next_due_at = later_at
    return [by_name[name] for name in sorted(by_name)]


def due_types(conn: Connection, now: float) -> list[str]:
    """Task types with a frame, parked or not, that may be leased now."""
    return [kind.name for kind in types(conn, now) if kind.pending or kind.parked]


def due(conn: Connection, wanted: Mapping[str, int], now: float) -> dict[str, list[PendingFrame]]:
    """Frames to lease next, oldest first, up to the `wanted` number of each type."""
    return _fetch(conn, "pending", wanted, now)


def parked(
    conn: Connection, wanted: Mapping[str, int], now: float
) -> dict[str, list[PendingFrame]]:
    """Parked frames to lease after the pending frames, up to the `wanted` number of each type."""
    return _fetch(conn, "parked", wanted, now)


def _fetch(
    conn: Connection, state: str, wanted: Mapping[str, int], now: float
) -> dict[str, list[PendingFrame]]:
    fetched: dict[str, list[PendingFrame]] = {name: [] for name in wanted}
    names = sorted(wanted)
    if conn.dialect.name != "sqlite":
        values = {"names": names, "counts": [wanted[name] for name in names], "now": now}
        rows: list[Sequence[Any]] = list(conn.execute(_of_each(state), values)) if names else []
    else:
        rows = []
        for start in range(0, len(names), _BRANCHES[-1]):
            rows += _of_some(conn, state, names[start : start + _BRANCHES[-1]], wanted, now)
    for row in rows:
        fetched[row[2]].append(PendingFrame(*row))
    return fetched


def _of_some(
    conn: Connection, state: str, names: Sequence[str], wanted: Mapping[str, int], now: float
) -> Sequence[Sequence[Any]]:
    branches = next(count for count in _BRANCHES if count >= len(names))
    values: list[float | str] = []
    for name in names:
        values += (name, now, wanted[name])
    values += ("", now, 0) * (branches - len(names))
    return direct.driver_rows(conn, _branches(state, branches), tuple(values))


@cache
def _branches(state: str, count: int) -> str:
    """For SQLite: a sub-select for each type. Values of each: type, now, count."""
    # Not "?1": Python 3.12.0 to 3.12.3 warn of such a value in each statement.
    part = (
        f"SELECT * FROM (SELECT {_COLUMNS} FROM frames"  # noqa: S608
        f" WHERE {_NEXT[state].format(task_type='?', now='?')} ORDER BY due_at, id LIMIT ?)"
    )
    return " UNION ALL ".join([part] * count)


@cache
def _of_each(state: str) -> TextClause:
    """For PostgreSQL: the same plan for any number of types."""
    return text(f"""
        SELECT picked.* FROM unnest(CAST(:names AS text[]), CAST(:counts AS bigint[]))
                             AS wanted(task_type, most)
         CROSS JOIN LATERAL (
               SELECT {_COLUMNS} FROM frames
                WHERE {_NEXT[state].format(task_type="wanted.task_type", now=":now")}
                ORDER BY due_at, id LIMIT wanted.most) AS picked
    """)  # noqa: S608


def due_heads(conn: Connection, task_type: str, now: float, most: int) -> list[PendingFrame]:
    """The next frame of cameras without a frame in flight; for types with a state per camera."""
    values = {"task_type": task_type, "now": now, "most": most}
    values["longest_wait"] = LONGEST_RETRY_SEC + 1
    return [PendingFrame(*row) for row in conn.execute(_DUE_HEADS, values)]


def for_trial(conn: Connection, task_type: str, most: int, now: float) -> list[PendingFrame]:
    """Pending or parked frames for the trial call of an endpoint whose breaker was open.

    The frames of the camera whose last failure is oldest, or that never failed, come first. If age
    alone decided, a camera whose frames break the endpoint would get every trial.
    """
    values = {"task_type": task_type, "now": now, "most": most, "looked_at": _LOOKED_AT}
    return [PendingFrame(*row) for row in conn.execute(_FOR_TRIAL, values)]


def hurry(
    conn: Connection,
    task_types: Iterable[str],
    now: float,
    longest_sec: float = LONGEST_WAIT_SEC,
) -> None:
    """Make frames of these types due now if they are due within `longest_sec`.

    Called when the cause of their wait is over. Frames that are due later than any retry were
    delayed by a clock that was set back. There may be a million such frames; the sweep
    (db/row_repairs.py) makes them due.
    """
    if names := sorted(set(task_types)):
        values = {"task_types": names, "now": now, "furthest": now + longest_sec}
        for statement in _HURRY:
            conn.execute(statement.on(conn), values)
