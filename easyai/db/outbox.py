"""The SQL of the outbox: alerts that the bus has not acknowledged yet.

Their ``published_at`` is NULL. An alert that was deleted before waits in ``deleted_alerts``, with
its id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Text, bindparam, text

from easyai.db.alerts import OUTBOX_LOCK, AlertRow
from easyai.db.locks import lock_in_order

WaitingRow = Row[Any]

_NAMES = (
    "id",
    "task_id",
    "task_type",
    "image_path",
    "algorithm_id",
    "algorithm_name",
    "result",
    "confidence",
    "detection_count",
    "inference_time_ms",
    "created_at",
    "updated_at",
)
_COLUMNS = ", ".join(_NAMES)

_LOCK = text("SELECT pg_advisory_xact_lock(:n)")
# Sorted, not max() or min(): with planner statistics from before a backlog or from its height,
# PostgreSQL would read the whole backlog, or the whole table.
_END = """
    SELECT (SELECT id FROM alerts WHERE published_at IS NULL ORDER BY id {0} LIMIT 1) AS kept,
           (SELECT id FROM deleted_alerts ORDER BY id {0} LIMIT 1) AS deleted
"""
_NEWEST, _FIRST = text(_END.format("DESC")), text(_END.format("ASC"))
_UP_TO = "id <= :newest AND task_id NOT IN :held_up"
_OLDEST = (
    f"SELECT {_COLUMNS} FROM alerts WHERE published_at IS NULL AND {_UP_TO}",  # noqa: S608
    f"SELECT {_COLUMNS} FROM deleted_alerts WHERE {_UP_TO}",  # noqa: S608
)
_HELD_UP = bindparam("held_up", type_=Text(), expanding=True)
# SQLite merges the two parts row by row.
_WAITING = text(f"{_OLDEST[0]} UNION ALL {_OLDEST[1]} ORDER BY id LIMIT :most").bindparams(_HELD_UP)
# PostgreSQL's client receives all rows before it returns the first row. So the server counts the
# bytes: it knows the length of a large value without reading the value. Each part has its own
# limit, because PostgreSQL would sort a whole backlog before it merges the two parts.
_LIMITED = " UNION ALL ".join(f"({part} ORDER BY id LIMIT :most)" for part in _OLDEST)
_WAITING_WITHIN = text(f"""
    SELECT * FROM (
        SELECT oldest.*, octet_length(result) AS size,
               sum(octet_length(result)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS so_far
          FROM ({_LIMITED} ORDER BY id LIMIT :most) AS oldest
    ) AS counted
     WHERE so_far <= :most_bytes OR so_far = size ORDER BY id
""").bindparams(_HELD_UP)  # noqa: S608
_MARK = text("""
    UPDATE alerts SET published_at = :published_at WHERE id IN :ids AND published_at IS NULL
""").bindparams(bindparam("ids", expanding=True))
_PUBLISHED = text("DELETE FROM deleted_alerts WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_VALUES = ", ".join(f":{name}" for name in _NAMES)
_KEEP = text(f"INSERT INTO deleted_alerts ({_COLUMNS}) VALUES ({_VALUES})")  # noqa: S608
_BACKLOG = text("""
    SELECT count(*) AS waiting, min(id) AS oldest
      FROM (SELECT id FROM alerts WHERE published_at IS NULL
            UNION ALL SELECT id FROM deleted_alerts) AS waits
""")
_PUBLISHED_AT = text("SELECT published_at FROM alerts WHERE id = :id")
_CREATED_AT = text("""
    SELECT created_at FROM alerts WHERE id = :id
    UNION ALL SELECT created_at FROM deleted_alerts WHERE id = :id
""")


class Backlog(NamedTuple):
    """The alerts that wait for the bus."""

    waiting: int
    oldest_at: float | None  # when the oldest alert was saved, Unix seconds; None: no alert waits


def is_empty(conn: Connection) -> bool:
    """Whether no alert waits for the bus."""
    return all(id_ is None for id_ in conn.execute(_FIRST).one())


def newest(conn: Connection) -> int | None:
    """The highest id of a waiting alert; no alert with a lower id can appear later.

    PostgreSQL assigns ids before the commit. So this function waits, for milliseconds, for the
    transactions that save alerts right now. SQLite has a single writer at a time.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK, {"n": OUTBOX_LOCK})
    return max((id_ for id_ in conn.execute(_NEWEST).one() if id_ is not None), default=None)


def waiting(
    conn: Connection, newest: int, most: int, most_bytes: int, held_up: Collection[str] = ()
) -> list[WaitingRow]:
    """The oldest `most` waiting alerts up to the id `newest`, without the cameras `held_up`.

    Returns fewer alerts when their results would exceed `most_bytes` of UTF-8. An alert that is
    larger than that is returned alone.
    """
    values = {"newest": newest, "most": most, "held_up": sorted(held_up)}
    if conn.dialect.name == "postgresql":
        return list(conn.execute(_WAITING_WITHIN, {**values, "most_bytes": most_bytes}))
    rows: list[WaitingRow] = []
    size = 0
    with conn.execute(_WAITING, values) as result:  # SQLite reads row by row
        for row in result:
            size += len(row.result.encode())
            if rows and size > most_bytes:
                break
            rows.append(row)
    return rows


def acknowledged(conn: Connection, ids: Sequence[int], now: float) -> None:
    """Record that the bus has these alerts."""
    _mark(conn, ids, now)


def refused(conn: Connection, ids: Sequence[int], now: float) -> None:
    """Record that the bus refused these alerts for ever: they stay in the table, unsent."""
    _mark(conn, ids, -now)


def keep(conn: Connection, deleted: Sequence[AlertRow]) -> None:
    """Keep just deleted alerts that the bus lacks, so that they are still published."""
    rows = [row._asdict() for row in deleted if row.published_at is None]
    if rows:
        conn.execute(_KEEP, rows)


def published_at(conn: Connection, alert_id: int) -> float | None:
    """When the bus acknowledged an alert; below 0: refused; None: the alert waits or is deleted."""
    published: float | None = conn.execute(_PUBLISHED_AT, {"id": alert_id}).scalar()
    return published


def _mark(conn: Connection, ids: Sequence[int], published_at: float) -> None:
    lock_in_order(conn, "alerts", ids)
    for start in range(0, len(ids), 500):
        values = {"published_at": published_at, "ids": list(ids[start : start + 500])}
        conn.execute(_MARK, values)
        # After the alerts: an alert that is being deleted is here once its lock is free.
        conn.execute(_PUBLISHED, {"ids": values["ids"]})


def backlog(conn: Connection) -> Backlog:
    """How many alerts wait, and since when; reads only the partial index."""
    row = conn.execute(_BACKLOG).one()
    if row.oldest is None:
        return Backlog(0, None)
    return Backlog(row.waiting, conn.execute(_CREATED_AT, {"id": row.oldest}).scalar())
