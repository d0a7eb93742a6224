"""The SQL of the outbox: alerts that the bus has not acknowledged yet (``published_at`` NULL)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Text, bindparam, text

from easyai.db.alerts import OUTBOX_LOCK
from easyai.db.locks import lock_in_order

WaitingRow = Row[Any]

_LOCK = text("SELECT pg_advisory_xact_lock(:n)")
# Sorted, not max(): with statistics from before a backlog, PostgreSQL would read all of it.
_NEWEST = text("SELECT id FROM alerts WHERE published_at IS NULL ORDER BY id DESC LIMIT 1")
_OLDEST = """
    SELECT id, task_id, task_type, image_path, algorithm_id, algorithm_name, result, confidence,
           detection_count, inference_time_ms, created_at, updated_at
      FROM alerts
     WHERE published_at IS NULL AND id <= :newest AND task_id NOT IN :held_up
     ORDER BY id LIMIT :most
"""
_HELD_UP = bindparam("held_up", type_=Text(), expanding=True)
_WAITING = text(_OLDEST).bindparams(_HELD_UP)
# PostgreSQL's client has all rows before it gives out the first, so the server counts: it knows the
# length of a large value without reading it.
_WAITING_WITHIN = text(f"""
    SELECT * FROM (
        SELECT oldest.*, octet_length(result) AS size,
               sum(octet_length(result)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS so_far
          FROM ({_OLDEST}) AS oldest
    ) AS counted
     WHERE so_far <= :most_bytes OR so_far = size ORDER BY id
""").bindparams(_HELD_UP)  # noqa: S608
_MARK = text("""
    UPDATE alerts SET published_at = :published_at WHERE id IN :ids AND published_at IS NULL
""").bindparams(bindparam("ids", expanding=True))
_BACKLOG = text("""
    SELECT count(*) AS waiting, min(id) AS oldest FROM alerts WHERE published_at IS NULL
""")
_PUBLISHED_AT = text("SELECT published_at FROM alerts WHERE id = :id")
_CREATED_AT = text("SELECT created_at FROM alerts WHERE id = :id")
# Sorted: with statistics from the height of a backlog, PostgreSQL would read the whole table.
_ANY = text("SELECT id FROM alerts WHERE published_at IS NULL ORDER BY id LIMIT 1")


class Backlog(NamedTuple):
    """What waits for the bus."""

    waiting: int
    oldest_at: float | None  # when the first of them was saved, Unix seconds; None: nothing waits


def is_empty(conn: Connection) -> bool:
    """Whether nothing waits for the bus."""
    return conn.execute(_ANY).first() is None


def newest(conn: Connection) -> int | None:
    """The highest id that waits; every lower one that will ever wait is visible from now on.

    PostgreSQL gives ids before the commit: so this waits for the transactions that are saving
    alerts right now, for milliseconds. SQLite has one writer at a time.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK, {"n": OUTBOX_LOCK})
    found: int | None = conn.execute(_NEWEST).scalar()
    return found


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


def published_at(conn: Connection, alert_id: int) -> float | None:
    """When the bus acknowledged an alert; below 0: refused it; None: it waits, or was deleted."""
    found: float | None = conn.execute(_PUBLISHED_AT, {"id": alert_id}).scalar()
    return found


def _mark(conn: Connection, ids: Sequence[int], published_at: float) -> None:
    lock_in_order(conn, "alerts", ids)
    for start in range(0, len(ids), 500):
        values = {"published_at": published_at, "ids": list(ids[start : start + 500])}
        conn.execute(_MARK, values)


def backlog(conn: Connection) -> Backlog:
    """How many alerts wait, and since when; reads the partial index only."""
    row = conn.execute(_BACKLOG).one()
    if row.oldest is None:
        return Backlog(0, None)
    return Backlog(row.waiting, conn.execute(_CREATED_AT, {"id": row.oldest}).scalar())
