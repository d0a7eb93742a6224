"""The SQL of kept counts of alerts: triggers of the database keep them, whoever writes.

A block is 8,192 consecutive ids. `alert_counts` has a row for each block and detection count, of
each task type and of all task types. So a list counts a million alerts by reading a thousand rows,
and finds each page by its block. On PostgreSQL each session of the server writes rows of its own
(`part`), so that transactions that save alerts never wait for each other; upkeep merges these rows.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, text

from easyai.db.alert_filter import AlertFilter

#: Alerts with this many detections or more share a row of the counts.
MANY: Final = 64
_OF_BLOCKS: Final = """
    SELECT block, CAST(sum(alerts) AS BIGINT) AS alerts,
           min(first_id) AS first_id, max(last_id) AS last_id,
           min(first_at) AS first_at, max(last_at) AS last_at,
           sum(CASE WHEN detection_count = 64 THEN alerts ELSE 0 END) AS many
      FROM alert_counts WHERE {kind} {where}
     GROUP BY block HAVING sum(alerts) > 0 {having} ORDER BY block DESC
"""
_OF_TYPE, _OF_ALL = "of_all = 0 AND task_type = :task_type", "of_all = 1 AND task_type = ''"
_CONDITIONS: Final = {
    "min_detections": "detection_count >= :min_detections",
    "max_detections": "detection_count <= :max_detections",
}
_BOUNDS: Final = {
    "start_time": "max(last_at) >= :start_time",
    "end_time": "min(first_at) <= :end_time",
}
_WITHIN: Final = """
    SELECT count(*) AS alerts, min(id) AS first_id, max(id) AS last_id,
           min(created_at) AS first_at, max(created_at) AS last_at
      FROM alerts {index} WHERE id BETWEEN :first_id AND :last_id {where}
"""
# The rows of a partial index, which holds few alerts of most installations.
_MANY_OF_BLOCKS: Final = """
    SELECT id >> 13 AS block, count(*) AS alerts, min(id) AS first_id, max(id) AS last_id,
           min(created_at) AS first_at, max(created_at) AS last_at
      FROM alerts WHERE detection_count >= 64 {where} GROUP BY 1
"""
#: Reads the narrow index: by itself SQLite would read the rows, which are thirty times as large.
BY_INDEX: Final = {"sqlite": "INDEXED BY ix_alerts_listed", "postgresql": ""}
#: An arbitrary number, the same in every process and in the trigger of TRUNCATE (migration 0012):
#: whoever merges or deletes counts on PostgreSQL holds this lock.
MERGE_LOCK: Final = 0x6561_7382
_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:n)")
# Waits for no writer, so it is part of no deadlock: a later run merges the rows in use.
_MERGE: Final = text("""
    WITH parts AS (
        DELETE FROM alert_counts WHERE ctid IN (
            SELECT ctid FROM alert_counts WHERE part <> 0 FOR UPDATE SKIP LOCKED)
        RETURNING *)
    INSERT INTO alert_counts AS kept (of_all, task_type, block, detection_count, part, alerts,
                                      first_id, last_id, first_at, last_at)
    SELECT of_all, task_type, block, detection_count, 0, sum(alerts),
           min(first_id), max(last_id), min(first_at), max(last_at)
      FROM parts GROUP BY of_all, task_type, block, detection_count
     ORDER BY of_all, task_type, block, detection_count
        ON CONFLICT (of_all, task_type, block, detection_count, part) DO UPDATE
       SET alerts = kept.alerts + excluded.alerts,
           first_id = least(kept.first_id, excluded.first_id),
           last_id = greatest(kept.last_id, excluded.last_id),
           first_at = least(kept.first_at, excluded.first_at),
           last_at = greatest(kept.last_at, excluded.last_at)
""")
# While a writer's own part remains, the bounds stay: alerts may exist although part 0 is 0, such as
# after a deletion of an alert that only the other part counts.
_FORGET_EMPTY: Final = text("""
    DELETE FROM alert_counts AS kept
     WHERE alerts = 0 AND part = 0 AND NOT EXISTS (
           SELECT 1 FROM alert_counts AS other
            WHERE other.of_all = kept.of_all AND other.task_type = kept.task_type
              AND other.block = kept.block AND other.detection_count = kept.detection_count
              AND other.part <> 0)
""")


class Block(NamedTuple):
    """The alerts of a block that a list shows; other alerts may lie between the bounds."""

    alerts: int
    first_id: int
    last_id: int
    first_at: float  # Unix seconds
    last_at: float

    @property
    def ids(self) -> int:
        """How many ids there are between the bounds: the most index entries to read."""
        return self.last_id - self.first_id + 1


def blocks(conn: Connection, wanted: AlertFilter) -> list[Block]:
    """The blocks that have alerts for a list, newest first; `wanted` names no camera."""
    many = _many(conn, wanted) if _divides_many(wanted) else None
    found = [_block(conn, wanted, row, many) for row in _kept(conn, wanted)]
    return [block for block in found if block.alerts]


def _kept(conn: Connection, wanted: AlertFilter) -> list[Row[Any]]:
    values = {
        name: value
        for name in ("task_type", *_CONDITIONS, *_BOUNDS)
        if (value := getattr(wanted, name)) is not None
    }
    where, having = (
        "".join(f" AND {sql}" for name, sql in conditions.items() if name in values)
        for conditions in (_CONDITIONS, _BOUNDS)
    )
    if values.get("min_detections", 0) > MANY:
        values["min_detections"] = MANY
    kind = _OF_TYPE if "task_type" in values else _OF_ALL
    return list(
        conn.execute(text(_OF_BLOCKS.format(kind=kind, where=where, having=having)), values)
    )


def _divides_many(wanted: AlertFilter) -> bool:
    """Whether only some of the alerts with `MANY` detections or more are wanted."""
    return (wanted.min_detections or 0) > MANY or (
        wanted.max_detections is not None and wanted.max_detections >= MANY
    )


def _many(conn: Connection, wanted: AlertFilter) -> dict[int, Block]:
    """The wanted alerts with `MANY` detections or more, by block."""
    where, values = wanted.conditions()
    rows = conn.execute(text(_MANY_OF_BLOCKS.format(where=where)), values)
    return {row.block: Block(*row[1:]) for row in rows}


def _block(
    conn: Connection, wanted: AlertFilter, row: Row[Any], many: dict[int, Block] | None
) -> Block:
    if not _is_inside(wanted, row):
        return _counted(conn, wanted, row)
    whole = Block(row.alerts, row.first_id, row.last_id, row.first_at, row.last_at)
    if many is None or not row.many:
        return whole
    own = many.get(row.block, whole._replace(alerts=0))
    if row.many == row.alerts:
        return own
    return whole._replace(alerts=row.alerts - int(row.many) + own.alerts)


def _is_inside(wanted: AlertFilter, row: Row[Any]) -> bool:
    """Whether the times of all alerts of a block are wanted."""
    return (wanted.start_time is None or row.first_at >= wanted.start_time) and (
        wanted.end_time is None or row.last_at <= wanted.end_time
    )


def _counted(conn: Connection, wanted: AlertFilter, row: Row[Any]) -> Block:
    """Count the alerts of a block one by one: only some of their times are wanted."""
    where, values = wanted.conditions()
    statement = _WITHIN.format(index=BY_INDEX[conn.dialect.name], where=where)
    values |= {"first_id": row.first_id, "last_id": row.last_id}
    return Block(*conn.execute(text(statement), values).one())


def merge(conn: Connection) -> None:
    """Merge the parts of each count, and delete the counts of 0, unless another process does."""
    if conn.dialect.name == "postgresql":
        if not conn.execute(_TRY_LOCK, {"n": MERGE_LOCK}).scalar_one():
            return
        conn.execute(_MERGE)
    conn.execute(_FORGET_EMPTY)
