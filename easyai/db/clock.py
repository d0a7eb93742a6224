"""The database's clock, which decides leases, claims, due times and heartbeats.

The clocks of machines differ, but all machines share the database. PostgreSQL is asked for its time
once per transaction; with SQLite all processes share a machine. Durations inside a process are
measured on the monotonic clock. Where no transaction is open (signed links, log lines, alarms),
`estimate` corrects this machine's clock by the last reading of the database's clock.
"""

from __future__ import annotations

import time
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

# Not now(): it is the start of the transaction, which may have waited for a lock since.
_NOW: Final = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")
# CASE: the clock is read when the lock is held, not while the statement waits for the lock.
_LOCK: Final = text("""
    SELECT CASE WHEN pg_try_advisory_xact_lock(:number)
                THEN ARRAY[CAST(extract(epoch FROM clock_timestamp()) AS double precision), 0]
                WHEN pg_advisory_xact_lock(:number) IS NOT NULL
                THEN ARRAY[CAST(extract(epoch FROM clock_timestamp()) AS double precision), 1] END
""")
_READING: Final = "easyai_clock"

# How much this machine's clock was ahead of the database's at the last reading, by engine.
_offsets: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()


def now(conn: Connection) -> float:
    """Unix seconds by the clock of the database.

    PostgreSQL needs a round trip for the first call in a transaction, but not for later calls;
    SQLite never does.
    """
    if conn.dialect.name == "sqlite":
        return time.time()
    if _READING not in conn.info:
        asked = time.time()
        _note(conn, conn.execute(_NOW).scalar_one(), asked)
    moment, read_at = conn.info[_READING]
    return float(moment + time.monotonic() - read_at)


def lock(conn: Connection, number: int) -> bool:
    """Take a PostgreSQL advisory lock until the transaction ends, then read the clock.

    Returns whether another transaction held the lock before.
    """
    moment, waited = conn.execute(_LOCK, {"number": number}).scalar_one()
    _note(conn, moment, time.time())
    return bool(waited)


def forget(conn: Connection) -> None:
    """Forget the clock's reading by the previous transaction on this connection."""
    conn.info.pop(_READING, None)


def offset_sec(conn: Connection) -> float:
    """Seconds by which this machine's clock is ahead of the database's; 0 on SQLite."""
    now(conn)
    return _offsets.get(conn.engine, 0.0)


def known_offset_sec(engine: Engine) -> float | None:
    """`offset_sec` as last read in this process, without a query; None: never read.

    0 on SQLite.
    """
    return 0.0 if engine.dialect.name == "sqlite" else _offsets.get(engine)


def estimate(engine: Engine) -> float:
    """Unix seconds by the database's clock, without a query.

    Returns this machine's time minus the last offset; uncorrected when no offset was read yet.
    """
    return time.time() - (known_offset_sec(engine) or 0.0)


def _note(conn: Connection, moment: float, asked: float) -> None:
    conn.info[_READING] = (moment, time.monotonic())
    # The clocks agree if the database's reading is between our two readings: the answer takes time.
    answered = time.time()
    ahead = asked - moment if moment < asked else min(0.0, answered - moment)
    _offsets[conn.engine] = ahead
