"""The known task types, and their sampling."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from easyai.db import direct
from easyai.domain.sampling import Sampling

_NAMES = text("SELECT name FROM task_types ORDER BY name")
_ADD = text("""
    INSERT INTO task_types (name, first_seen, seen_at) VALUES (:name, :now, :now)
    ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at
""")
_SAMPLING = text("SELECT name, sampling_n, sampling_changed_at, capacity_per_sec FROM task_types")
_SET_SAMPLING = text("""
    UPDATE task_types
       SET sampling_n = :n, sampling_changed_at = :changed_at, capacity_per_sec = :capacity
     WHERE name = :name AND sampling_n = :before
""")


def names(conn: Connection) -> list[str]:
    """Every known task type, in order of name."""
    return [row[0] for row in direct.rows(conn, _NAMES)]


def add(conn: Connection, task_types: Iterable[str], now: float) -> None:
    """Record that these types were named; adds new types without a check of the limit."""
    # In order of name, so that two processes never deadlock.
    rows = [{"name": name, "now": now} for name in sorted(set(task_types))]
    if rows:
        conn.execute(_ADD, rows)


def sampling(conn: Connection) -> dict[str, Sampling]:
    """The sampling of each type, which applies where its setting is "auto"."""
    return {row[0]: Sampling(row[1], row[2], row[3]) for row in conn.execute(_SAMPLING)}


def set_sampling(conn: Connection, name: str, before: Sampling, after: Sampling) -> bool:
    """Change the sampling of a type, unless another process has just done so; whether it did."""
    values = {
        "name": name,
        "before": before.n,
        "n": after.n,
        "changed_at": after.changed_at,
        "capacity": after.capacity_per_sec,
    }
    return conn.execute(_SET_SAMPLING, values).rowcount == 1
