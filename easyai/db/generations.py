"""The SQL of generations: numbers that grow with what processes remember of the database."""

from __future__ import annotations

from sqlalchemy import Connection, text

_REGISTRY = text("SELECT number FROM generations WHERE name = 'registry'")
_BUMP_REGISTRY = text("""
    INSERT INTO generations (name, number) VALUES ('registry', 1)
    ON CONFLICT (name) DO UPDATE SET number = generations.number + 1
    RETURNING number
""")


def registry(conn: Connection) -> int:
    """Grows with every change of what decides whether and how much a service may be called.

    Registrations, states, types, breakers that open or close, learned caps; not latencies, counts
    and plain heartbeats. 0: nothing was ever changed.
    """
    return conn.execute(_REGISTRY).scalar() or 0


def bump_registry(conn: Connection) -> int:
    """Note such a change, at the end of the transaction that makes it; the number then.

    Last, after services, frames and statistics: everybody who changes something locks this row.
    """
    number: int = conn.execute(_BUMP_REGISTRY).scalar_one()
    return number
