"""Task types ever seen, and the wakes that ring for them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

_NAMES = text("SELECT name FROM task_types ORDER BY name")
_ADD = text("""
    INSERT INTO task_types (name, first_seen) VALUES (:name, :now)
    ON CONFLICT (name) DO NOTHING
""")
_CLAIM_RING = text("""
    UPDATE task_types SET rung_at = :now
     WHERE name = :name AND (rung_at <= :now - :quiet_sec OR rung_at > :now)
    RETURNING name
""")
_ANSWER_RING = text("UPDATE task_types SET rung_at = 0 WHERE name = :name AND rung_at <> 0")


def names(conn: Connection) -> list[str]:
    """Every task type ever seen, in order of name."""
    return list(conn.execute(_NAMES).scalars())


def add(conn: Connection, task_types: Iterable[str], now: float) -> None:
    """Remember task types; those known already stay as they are."""
    rows = [{"name": name, "now": now} for name in sorted(set(task_types))]
    if rows:
        conn.execute(_ADD, rows)


def claim_ring(conn: Connection, name: str, now: float, quiet_sec: float) -> bool:
    """Whether to send a wake: not while one of the last `quiet_sec` seconds is unanswered."""
    values = {"name": name, "now": now, "quiet_sec": quiet_sec}
    return conn.execute(_CLAIM_RING, values).first() is not None


def answer_ring(conn: Connection, name: str) -> None:
    """A worker has woken: the next wake may be sent at once."""
    conn.execute(_ANSWER_RING, {"name": name})
