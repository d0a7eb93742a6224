"""The one clock: leases, claims, due times and heartbeats are judged by the database's.

Machines' clocks differ, the database has one. PostgreSQL is asked for its own, once a transaction;
with SQLite all processes share a machine. Durations inside one process are measured on the
monotonic clock. Where no transaction is open (signed links, log lines, alarms), `estimate` corrects
this machine's clock by what the database said last.
"""

from __future__ import annotations

import time
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

# Not now(): that is when the transaction began, and it may have waited for a lock since.
_NOW: Final = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")
# CASE: the clock is read when the lock is held, and not while others are waited for.
_LOCK: Final = text("""
    SELECT CASE WHEN pg_advisory_xact_lock(:number) IS NOT NULL
                THEN CAST(extract(epoch FROM clock_timestamp()) AS double precision) END
""")
_READING: Final = "easyai_clock"

# By which this machine's clock is ahead of the database's, as read last, by engine.
_offsets: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()


def now(conn: Connection) -> float:
    """Unix seconds by the clock of the database.

    On PostgreSQL a round trip at the first call in a transaction; none later, and none on SQLite.
    """
    if conn.dialect.name == "sqlite":
        return time.time()
    if _READING not in conn.info:
        asked = time.time()
        _note(conn, conn.execute(_NOW).scalar_one(), asked)
    moment, read_at = conn.info[_READING]
    return float(moment + time.monotonic() - read_at)


def lock(conn: Connection, number: int) -> None:
    """Take an advisory lock of PostgreSQL until the transaction ends, and read the clock then."""
    moment = conn.execute(_LOCK, {"number": number}).scalar_one()
    _note(conn, moment, time.time())


def forget(conn: Connection) -> None:
    """Begin a transaction: what an earlier one on this connection read is over."""
    conn.info.pop(_READING, None)


def offset_sec(conn: Connection) -> float:
    """Seconds by which this machine's clock is ahead of the database's; 0 on SQLite."""
    now(conn)
    return _offsets.get(conn.engine, 0.0)


def known_offset_sec(engine: Engine) -> float | None:
    """`offset_sec` as last read in this process, without asking; None: never read.

    0 on SQLite.
    """
    return 0.0 if engine.dialect.name == "sqlite" else _offsets.get(engine)


def estimate(engine: Engine) -> float:
    """Unix seconds by the database's clock, without asking it.

    This machine's clock corrected by the offset read last; as it is where none was read yet.
    """
    return time.time() - (known_offset_sec(engine) or 0.0)


def _note(conn: Connection, moment: float, asked: float) -> None:
    conn.info[_READING] = (moment, time.monotonic())
    # Both clocks agree if the database's was read between our two looks: the answer takes time.
    answered = time.time()
    ahead = asked - moment if moment < asked else min(0.0, answered - moment)
    _offsets[conn.engine] = ahead
