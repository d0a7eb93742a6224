"""The one clock: leases, claims, due times and heartbeats are judged by the database's.

Machines' clocks differ, the database has one. PostgreSQL is asked for its own; with SQLite all
processes share a machine. Durations inside one process are measured on the monotonic clock.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, text

# Not now(): that is when the transaction began, and it may have waited for a lock since.
_NOW = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")


def now(conn: Connection) -> float:
    """Unix seconds by the clock of the database; a round trip on PostgreSQL, none on SQLite."""
    if conn.dialect.name == "sqlite":
        return time.time()
    moment: float = conn.execute(_NOW).scalar_one()
    return moment
