"""The SQL of admission: which frames are parked, which are given up, and which wait too long.

A type is served while an endpoint of the type is routable with a closed breaker. Statements that
change waiting frames run inside a `Database.dispatching` transaction, so that no dispatch leases
the frames meanwhile. They skip rows that another transaction locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, TextClause, bindparam, text

from easyai.db import direct, reasons
from easyai.db.pictures import Uncarried
from easyai.db.recorded_frames import NewFrame
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.reason import Reason

_CHUNK: Final = 500  # values in an IN list
_HEAD: Final = 20_000  # frames of a queue that are compared: enough of every camera
WAITING: Final = (FrameState.PENDING, FrameState.PARKED)


def _by_ids(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("ids", expanding=True))


def _in_each(sql: str) -> dict[FrameState, TextClause]:
    """The statement for each state of a waiting frame; its partial index needs a literal state."""
    return {state: text(sql.replace(":state", f"'{state}'")) for state in WAITING}


_SERVED = """
    EXISTS (SELECT 1 FROM service_task_types JOIN services
                ON services.pk = service_task_types.service_pk
             WHERE service_task_types.task_type = task_types.name
               AND services.state IN ('online', 'suspect') AND services.breaker_open_until = 0)
"""
_UNSERVED = text(f"""
    SELECT name FROM task_types
     WHERE EXISTS (SELECT 1 FROM frames WHERE state = 'pending' AND task_type = task_types.name)
       AND NOT {_SERVED}
     ORDER BY name
""")  # noqa: S608
_SERVED_TYPES = text(f"SELECT name FROM task_types WHERE {_SERVED}")  # noqa: S608
_WAITING_SERVED = text(f"""
    SELECT name, (SELECT count(*) FROM frames
                   WHERE state = 'pending' AND task_type = task_types.name)
      FROM task_types WHERE {_SERVED}
""")  # noqa: S608
_MORE_THAN = text("""
    SELECT 1 FROM frames WHERE state = 'pending'
     ORDER BY task_type, due_at, id LIMIT 1 OFFSET :most
""")
_TYPES = _in_each("""
    SELECT name FROM task_types
     WHERE EXISTS (SELECT 1 FROM frames WHERE state = :state AND task_type = task_types.name)
     ORDER BY name
""")
_COUNT_PARKED = text("SELECT task_type, count(*) FROM frames WHERE state = 'parked' GROUP BY 1")
_OLDEST = _in_each("""
    SELECT due_at, id FROM frames
     WHERE state = :state AND task_type = :task_type ORDER BY due_at, id LIMIT :most
""")
_NEWEST = text("""
    SELECT due_at, id FROM frames
     WHERE state = 'pending' AND task_type = :task_type
     ORDER BY due_at DESC, id DESC LIMIT :most
""")
_REQUEUED_FRAMES = text("""
    SELECT requeued_at, id FROM frames WHERE state = 'pending' AND requeued_at IS NOT NULL
       AND task_type = :task_type ORDER BY id LIMIT :most
""")
# Only frames at the head of the queue: ordering a million frames takes seconds, each time.
_SUPERSEDED = text(f"""
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY task_id ORDER BY captured_at DESC, id DESC)
                   AS place
          FROM (SELECT id, task_id, captured_at FROM frames
                 WHERE state = 'pending' AND task_type = :task_type
                 ORDER BY due_at, id LIMIT {_HEAD}) AS head
    ) AS waiting
     WHERE place > 1 ORDER BY id LIMIT :most
""")  # noqa: S608
# A frame waits since it was found or requeued. That time is its due_at until the first attempt.
_AGED = _in_each("""
    SELECT id FROM frames
     WHERE state = :state AND task_type IN (SELECT name FROM task_types)
       AND due_at >= :since AND due_at < :until AND tries = 0
     LIMIT :most
""")
_AGED_RETRIED = _in_each("""
    SELECT id FROM frames
     WHERE settled_at IS NULL AND tries > 0 AND found_at < :until
       AND coalesce(requeued_at, found_at) >= :since AND coalesce(requeued_at, found_at) < :until
       AND coalesce(state, '') = :state LIMIT :most
""")
# A failed frame that started afresh keeps the time of its failure: due_at is the fresh start.
_AGED_FAILED = text("""
    SELECT id FROM frames
     WHERE state = 'failed' AND task_type IN (SELECT name FROM task_types)
       AND settled_at < :until AND due_at < :until
       AND (settled_at >= :since OR due_at >= :since) AND image_target IS NULL LIMIT :most
""")
_STILL = _by_ids("""
    SELECT id FROM frames WHERE id IN :ids AND coalesce(state, '') = :state
       FOR UPDATE SKIP LOCKED
""")
_PARK = _by_ids("""
    UPDATE frames SET state = 'parked' WHERE id IN :ids AND coalesce(state, '') = 'pending'
""")
_UNPARK = _by_ids("""
    UPDATE frames SET state = 'pending', stream = task_id
     WHERE id IN :ids AND coalesce(state, '') = 'parked'
""")
_START_AFRESH = _by_ids("""
    UPDATE frames SET due_at = :now WHERE id IN :ids AND coalesce(state, '') = :state
""")
_WAIT_AFRESH = _by_ids("""
    UPDATE frames
       SET due_at = :now, found_at = :now,
           requeued_at = CASE WHEN requeued_at IS NOT NULL THEN :now END
     WHERE id IN :ids AND coalesce(state, '') = :state
""")
_DROP = _by_ids("""
    UPDATE frames
       SET state = 'dropped', outcome = :outcome, reason = :reason, reason_code = :reason_code,
           reason_args = :reason_args, settled_at = :now,
           image_target = CASE WHEN image_path = '' THEN NULL ELSE '' END, requeued_at = NULL
     WHERE id IN :ids AND coalesce(state, '') = :state AND image_target IS NULL
    RETURNING id, key, version, image_path, image_target, task_type, task_id
""")
_FAILED_AT = _by_ids("SELECT id, coalesce(settled_at, 0) FROM frames WHERE id IN :ids")
_ADD_SAMPLED = text("""
    INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at, due_at,
                        stream, settled_at, outcome, image_target)
    VALUES (:key, :task_type, :task_id, 'dropped', :version, :captured_at, :now, :now,
            :stream, :now, 'sampled', '')
    ON CONFLICT (key) WHERE image_path IS NULL DO NOTHING
""")
_SAMPLED = text("""
    SELECT id, key, version, image_path, image_target FROM frames
     WHERE image_path IS NULL AND key IN :keys AND outcome = 'sampled'
""").bindparams(bindparam("keys", expanding=True))


@dataclass(frozen=True, slots=True)
class Dropped:
    """A frame that was given up, and its picture, which is still to be deleted (None: gone)."""

    task_type: str
    task_id: str
    picture: Uncarried | None
    failed_at: float | None = None  # Unix seconds; None: it had not failed before


def unserved(conn: Connection) -> list[str]:
    """Unserved task types with pending frames."""
    return [row[0] for row in direct.rows(conn, _UNSERVED)]


def served(conn: Connection) -> set[str]:
    """Task types with an endpoint that is routable with a closed breaker."""
    return set(conn.execute(_SERVED_TYPES).scalars())


def waiting_served(conn: Connection) -> dict[str, int]:
    """Count the pending frames of each served type; reads all of these frames."""
    return {row[0]: row[1] for row in conn.execute(_WAITING_SERVED)}


def more_than(conn: Connection, most: int) -> bool:
    """Whether more than `most` frames, of all types, are pending; reads at most `most` frames."""
    return conn.execute(_MORE_THAN, {"most": most}).first() is not None


def types_in(conn: Connection, state: FrameState) -> list[str]:
    """Task types with frames in this waiting state; costs an index look-up for each type."""
    return [row[0] for row in direct.rows(conn, _TYPES[state])]


def parked_counts(conn: Connection) -> dict[str, int]:
    """Count parked frames by task type; reads every parked frame."""
    return {row[0]: row[1] for row in conn.execute(_COUNT_PARKED)}


def oldest(
    conn: Connection, state: FrameState, task_type: str, most: int
) -> list[tuple[float, int]]:
    """The frames of a type that have waited longest, as (due at, id)."""
    values = {"task_type": task_type, "most": most}
    return [(row[0], row[1]) for row in conn.execute(_OLDEST[state], values)]


def newest(conn: Connection, task_type: str, most: int) -> list[tuple[float, int]]:
    """The newest pending frames of a type, the newest first, as (due at, id)."""
    rows = conn.execute(_NEWEST, {"task_type": task_type, "most": most})
    return [(row[0], row[1]) for row in rows]


def requeued(conn: Connection, task_type: str, most: int) -> list[tuple[float, int]]:
    """Pending frames of a type that were requeued, as (requeued at, id)."""
    rows = conn.execute(_REQUEUED_FRAMES, {"task_type": task_type, "most": most})
    return [(row[0], row[1]) for row in rows]


def superseded(conn: Connection, task_type: str, most: int) -> list[int]:
    """Ids of pending frames of a type whose camera has a newer waiting frame.

    Reads only the head of the queue: call again when these frames have been given up.
    """
    values = {"task_type": task_type, "most": most}
    return list(conn.execute(_SUPERSEDED, values).scalars())


def aged(conn: Connection, state: FrameState, since: float, until: float, most: int) -> list[int]:
    """Ids of frames that have waited, or have been failed, since a moment of [since, until)."""
    values = {"since": since, "until": until, "most": most}
    if state is FrameState.FAILED:
        return list(conn.execute(_AGED_FAILED, values).scalars())
    ids = list(conn.execute(_AGED[state], values).scalars())
    values["most"] = most - len(ids)
    return ids + list(conn.execute(_AGED_RETRIED[state], values).scalars())


def park(conn: Connection, ids: Sequence[int]) -> int:
    """Park pending frames; returns how many."""
    return _change(conn, _PARK, ids, FrameState.PENDING)


def unpark(conn: Connection, ids: Sequence[int]) -> int:
    """Make parked frames pending, in the order of their cameras; returns how many."""
    return _change(conn, _UNPARK, ids, FrameState.PARKED)


def start_afresh(conn: Connection, ids: Sequence[int], state: FrameState, now: float) -> int:
    """Restart the wait of frames as if they were just found, or just failed; returns how many."""
    statement = _START_AFRESH if state is FrameState.FAILED else _WAIT_AFRESH
    return _change(conn, statement, ids, state, now=now)


def drop(
    conn: Connection,
    ids: Sequence[int],
    state: FrameState,
    outcome: Outcome,
    reason: Reason,
    now: float,
) -> list[Dropped]:
    """Give up the frames that are still in `state`; returns them with the pictures to delete."""
    given = {"state": str(state), "outcome": str(outcome), "now": now}
    values = given | reasons.columns("reason", reason)
    dropped = []
    for chunk in _free(conn, ids, state):
        failed_at = {}
        if state is FrameState.FAILED:
            failed_at = {row[0]: row[1] for row in conn.execute(_FAILED_AT, {"ids": chunk})}
        for *picture, task_type, task_id in conn.execute(_DROP, {"ids": chunk, **values}):
            left = Uncarried(*picture) if picture[-1] is not None else None
            dropped.append(Dropped(task_type, task_id, left, failed_at.get(picture[0])))
    return dropped


def add_sampled(conn: Connection, frames: Sequence[NewFrame], now: float) -> list[Uncarried]:
    """Record new frames as sampled out; returns their pictures, which are to be deleted."""
    if not frames:
        return []
    rows = [{**asdict(frame), "now": now} for frame in frames]
    conn.execute(_ADD_SAMPLED, rows)
    pictures = []
    for start in range(0, len(frames), _CHUNK):
        keys = [frame.key for frame in frames[start : start + _CHUNK]]
        pictures += [Uncarried(*row) for row in conn.execute(_SAMPLED, {"keys": keys})]
    return pictures


def _change(
    conn: Connection, statement: TextClause, ids: Sequence[int], state: FrameState, **values: Any
) -> int:
    return sum(
        conn.execute(statement, {"ids": chunk, "state": str(state), **values}).rowcount
        for chunk in _free(conn, ids, state)
    )


def _free(conn: Connection, ids: Sequence[int], state: FrameState) -> Iterable[Sequence[int]]:
    """The ids in chunks, on PostgreSQL without frames that changed their state or are locked."""
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        if conn.dialect.name != "sqlite":
            chunk = conn.execute(_STILL, {"ids": chunk, "state": str(state)}).scalars().all()
        if chunk:
            yield chunk
