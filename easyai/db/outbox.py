"""The SQL of the outbox: alerts that the bus has not acknowledged yet (``published_at`` NULL)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Text, bindparam, text

from easyai.db.alerts import OUTBOX_LOCK

WaitingRow = Row[Any]

_LOCK = text("SELECT pg_advisory_xact_lock(:n)")
_NEWEST = text("SELECT max(id) FROM alerts WHERE published_at IS NULL")
_WAITING = text("""
    SELECT id, task_id, task_type, image_path, algorithm_id, algorithm_name, result, confidence,
           detection_count, inference_time_ms, created_at, updated_at
      FROM alerts
     WHERE published_at IS NULL AND id <= :newest AND task_id NOT IN :held_up
     ORDER BY id LIMIT :most
""").bindparams(bindparam("held_up", type_=Text(), expanding=True))
_MARK = text("""
    UPDATE alerts SET published_at = :published_at WHERE id IN :ids AND published_at IS NULL
""").bindparams(bindparam("ids", expanding=True))
_BACKLOG = text("""
    SELECT count(*) AS waiting, min(id) AS oldest FROM alerts WHERE published_at IS NULL
""")
_PUBLISHED_AT = text("SELECT published_at FROM alerts WHERE id = :id")
_CREATED_AT = text("SELECT created_at FROM alerts WHERE id = :id")
_ANY = text("SELECT 1 FROM alerts WHERE published_at IS NULL LIMIT 1")


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
    found: int | None = conn.execute(_NEWEST).scalar_one()
    return found


def waiting(
    conn: Connection, newest: int, most: int, held_up: Collection[str] = ()
) -> list[WaitingRow]:
    """The oldest `most` alerts that wait, up to the id `newest`, but for the cameras `held_up`."""
    values = {"newest": newest, "most": most, "held_up": sorted(held_up)}
    return list(conn.execute(_WAITING, values))


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
    for start in range(0, len(ids), 500):
        values = {"published_at": published_at, "ids": list(ids[start : start + 500])}
        conn.execute(_MARK, values)


def backlog(conn: Connection) -> Backlog:
    """How many alerts wait, and since when; reads the partial index only."""
    row = conn.execute(_BACKLOG).one()
    if row.oldest is None:
        return Backlog(0, None)
    return Backlog(row.waiting, conn.execute(_CREATED_AT, {"id": row.oldest}).scalar())
