"""The SQL of the outbox: alerts that the bus has not acknowledged yet.

``published_at`` is NULL; one that was deleted before waits in ``deleted_alerts``, with its id.
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
# Sorted, not max() or min(): with statistics from before a backlog or from its height, PostgreSQL
# would read all of it, or the whole table.
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
# SQLite merges the two, row by row.
_WAITING = text(f"{_OLDEST[0]} UNION ALL {_OLDEST[1]} ORDER BY id LIMIT :most").bindparams(_HELD_UP)
# PostgreSQL's client has all rows before it gives out the first, so the server counts: it knows the
# length of a large value without reading it. Each part has a limit of its own, for PostgreSQL would
# sort a whole backlog before it merges the two.
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
    """What waits for the bus."""

    waiting: int
    oldest_at: float | None  # when the first of them was saved, Unix seconds; None: nothing waits


def is_empty(conn: Connection) -> bool:
    """Whether nothing waits for the bus."""
    return all(id_ is None for id_ in conn.execute(_FIRST).one())


def newest(conn: Connection) -> int | None:
    """The highest id that waits; every lower one that will ever wait is visible from now on.

    PostgreSQL gives ids before the commit: so this waits for the transactions that are saving
    alerts right now, for milliseconds. SQLite has one writer at a time.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK, {"n": OUTBOX_LOCK})
    return max((id_ for id_ in conn.execute(_NEWEST).one() if id_ is not None), default=None)


def waiting(
    conn: Connection, newest: int, most: int, most_bytes: int, held_up: Collection[str] = ()
) -> list[WaitingRow]:
    """The oldest `most` alerts that wait, up to the id `newest`, but for the cameras `held_up`.

    Fewer, when their results would be more than `most_bytes` of UTF-8; a larger one comes alone.
    """
    values = {"newest": newest, "most": most, "held_up": sorted(held_up)}
    if conn.dialect.name == "postgresql":
        return list(conn.execute(_WAITING_WITHIN, {**values, "most_bytes": most_bytes}))
    rows: list[WaitingRow] = []
    size = 0
    with conn.execute(_WAITING, values) as found:  # SQLite reads row by row
        for row in found:
            size += len(row.result.encode())
            if rows and size > most_bytes:
                break
            rows.append(row)
    return rows


def acknowledged(conn: Connection, ids: Sequence[int], now: float) -> None:
    """Note that the bus has these."""
    _mark(conn, ids, now)


def refused(conn: Connection, ids: Sequence[int], now: float) -> None:
    """Note that the bus will never take these: kept in the table, and not sent again."""
    _mark(conn, ids, -now)


def keep(conn: Connection, deleted: Sequence[AlertRow]) -> None:
    """Publish these rows although they have just been deleted: those that the bus lacks."""
    rows = [row._asdict() for row in deleted if row.published_at is None]
    if rows:
        conn.execute(_KEEP, rows)


def published_at(conn: Connection, alert_id: int) -> float | None:
    """When the bus acknowledged an alert; below 0: refused it; None: it waits, or was deleted."""
    found: float | None = conn.execute(_PUBLISHED_AT, {"id": alert_id}).scalar()
    return found


def _mark(conn: Connection, ids: Sequence[int], published_at: float) -> None:
    lock_in_order(conn, "alerts", ids)
    for start in range(0, len(ids), 500):
        values = {"published_at": published_at, "ids": list(ids[start : start + 500])}
        conn.execute(_MARK, values)
        # After the alerts: one that is being deleted comes here when its lock is free.
        conn.execute(_PUBLISHED, {"ids": values["ids"]})


def backlog(conn: Connection) -> Backlog:
    """How many alerts wait, and since when; reads the partial index only."""
    row = conn.execute(_BACKLOG).one()
    if row.oldest is None:
        return Backlog(0, None)
    return Backlog(row.waiting, conn.execute(_CREATED_AT, {"id": row.oldest}).scalar())
