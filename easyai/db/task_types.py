"""Task types ever seen, the wakes that ring for them, and how they are sampled."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from easyai.domain.sampling import Sampling

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
_SAMPLING = text("SELECT name, sampling_n, sampling_changed_at, capacity_per_sec FROM task_types")
_SET_SAMPLING = text("""
    UPDATE task_types
       SET sampling_n = :n, sampling_changed_at = :changed_at, capacity_per_sec = :capacity
     WHERE name = :name AND sampling_n = :before
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


def sampling(conn: Connection) -> dict[str, Sampling]:
    """How each type is sampled where its setting is "auto"."""
    return {row[0]: Sampling(row[1], row[2], row[3]) for row in conn.execute(_SAMPLING)}


def set_sampling(conn: Connection, name: str, before: Sampling, after: Sampling) -> bool:
    """Change how a type is sampled, unless somebody else has just done so; whether it was done."""
    values = {
        "name": name,
        "before": before.n,
        "n": after.n,
        "changed_at": after.changed_at,
        "capacity": after.capacity_per_sec,
    }
    return conn.execute(_SET_SAMPLING, values).rowcount == 1


def answer_ring(conn: Connection, name: str) -> None:
    """A worker has woken: the next wake may be sent at once."""
    conn.execute(_ANSWER_RING, {"name": name})
