"""Leases of processes: who does a periodic duty now."""

from __future__ import annotations

from sqlalchemy import Connection, text

_ACQUIRE = text("""
    INSERT INTO process_leases (name, holder, expires_at) VALUES (:name, :holder, :expires_at)
    ON CONFLICT (name) DO UPDATE
       SET holder = excluded.holder, expires_at = excluded.expires_at
     WHERE process_leases.holder = excluded.holder
        OR process_leases.expires_at <= :now
        OR process_leases.expires_at > :furthest
    RETURNING holder
""")
_RELEASE = text("DELETE FROM process_leases WHERE name = :name AND holder = :holder")
_CLOCK_SLACK_SEC = 60.0  # by which the clocks of two machines may differ


def acquire(conn: Connection, name: str, holder: str, ttl_sec: float, now: float) -> bool:
    """Take or extend a lease; whether `holder` holds it now.

    A lease that ends more than a minute later than the one asked for was taken before the clock was
    set back (a box without a battery clock, after a power loss), and is free.
    """
    values = {
        "name": name,
        "holder": holder,
        "now": now,
        "expires_at": now + ttl_sec,
        "furthest": now + ttl_sec + _CLOCK_SLACK_SEC,
    }
    return conn.execute(_ACQUIRE, values).first() is not None


def release(conn: Connection, name: str, holder: str) -> None:
    """Give a lease back; nothing happens when somebody else holds it."""
    conn.execute(_RELEASE, {"name": name, "holder": holder})
