"""Leases of processes: which process runs a periodic task now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from easyai.db import direct
from easyai.system.identity import has_ended

LeaseRow = Row[Any]

_ACQUIRE = text("""
    INSERT INTO process_leases (name, holder, expires_at) VALUES (:name, :holder, :expires_at)
    ON CONFLICT (name) DO UPDATE
       SET holder = excluded.holder, expires_at = excluded.expires_at,
           done_at = CASE WHEN process_leases.done_at > :now THEN :now
                          ELSE process_leases.done_at END
     WHERE process_leases.holder = excluded.holder
        OR process_leases.expires_at <= :now
        OR process_leases.expires_at > :furthest
        OR process_leases.done_at > :now
    RETURNING holder
""")
_HOLDER = text("SELECT holder FROM process_leases WHERE name = :name")
_RELEASE = text("""
    UPDATE process_leases SET expires_at = 0 WHERE name = :name AND holder = :holder
""")
_END = text("""
    UPDATE process_leases
       SET expires_at = :expires_at, done_at = CASE WHEN :done THEN :now ELSE done_at END
     WHERE name = :name AND holder = :holder
""")
_NOTE = text("""
    INSERT INTO process_leases (name, holder, expires_at, done_at) VALUES (:name, '', 0, :at)
    ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at
""")
_ALL = text("SELECT name, holder, expires_at, done_at FROM process_leases ORDER BY name")
_LONGEST_SEC = 60.0  # how much longer than the requested lease a valid lease may last


def acquire(conn: Connection, name: str, holder: str, ttl_sec: float, now: float) -> bool:
    """Take or extend a lease; whether `holder` holds it now.

    A lease is free when it expires more than a minute after the requested lease would, or when the
    task was last done later than now. Such a lease was taken before the clock was set back (a box
    without a battery clock, after a power loss). A lease is also free when its holder is a process
    of this machine that has ended, according to the holder's mark (system/identity.py).
    """
    values = {
        "name": name,
        "holder": holder,
        "now": now,
        "expires_at": now + ttl_sec,
        "furthest": now + ttl_sec + _LONGEST_SEC,
    }
    if direct.rows(conn, _ACQUIRE, values):
        return True
    held_by = direct.value(conn, _HOLDER, {"name": name})
    if held_by is None or not has_ended(held_by):
        return False
    release(conn, name, held_by)
    return bool(direct.rows(conn, _ACQUIRE, values))


def end(
    conn: Connection, name: str, holder: str, now: float, *, quiet_sec: float, done: bool
) -> None:
    """Release the lease in `quiet_sec`, or now if that is not above 0, if `holder` holds it.

    `done` records that the task was done.
    """
    expires_at = now + quiet_sec if quiet_sec > 0 else 0.0
    values = {"name": name, "holder": holder, "now": now, "expires_at": expires_at, "done": done}
    direct.run(conn, _END, values)


def note(conn: Connection, name: str, at: float) -> None:
    """Record when a task without a holder was done."""
    conn.execute(_NOTE, {"name": name, "at": at})


def all_leases(conn: Connection) -> dict[str, LeaseRow]:
    """Every task ever held, by name: `holder`, `expires_at` and `done_at` (0: never done)."""
    return {row.name: row for row in conn.execute(_ALL)}


def release(conn: Connection, name: str, holder: str) -> None:
    """Give a lease back, unless another process holds it."""
    conn.execute(_RELEASE, {"name": name, "holder": holder})
