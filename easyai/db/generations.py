"""The SQL of generations: a number that grows with each change of the registry.

Processes cache the registry, and read it again when the number has grown.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from easyai.db import direct

_REGISTRY = text("SELECT number FROM generations WHERE name = 'registry'")
_BUMP_REGISTRY = text("""
    INSERT INTO generations (name, number) VALUES ('registry', 1)
    ON CONFLICT (name) DO UPDATE SET number = generations.number + 1
    RETURNING number
""")


def registry(conn: Connection) -> int:
    """The registry's number, which grows with changes to whether or how much services are called.

    These are registrations, states, types, breakers that open or close, and learned caps, but not
    latencies, counts and plain heartbeats. 0: the registry was never changed.
    """
    return direct.value(conn, _REGISTRY) or 0


def bump_registry(conn: Connection) -> int:
    """Record a change of the registry, at the end of its transaction; returns the new number.

    Call it last, after services, frames and statistics: every change of the registry locks this
    row.
    """
    number: int = conn.execute(_BUMP_REGISTRY).scalar_one()
    return number
