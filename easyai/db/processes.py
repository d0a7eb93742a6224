"""The SQL of our own processes, and of their last signs of life."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from easyai.db import reasons
from easyai.domain.reason import Reason

ProcessRow = Row[Any]

_BEAT = text("""
    INSERT INTO processes (name, kind, host, pid, started_at, beat_at, start_ticks,
                           clock_offset_sec)
    VALUES (:name, :kind, :host, :pid, :started_at, :now, :start_ticks, :clock_offset_sec)
    ON CONFLICT (name) DO UPDATE
       SET beat_at = excluded.beat_at, started_at = excluded.started_at, host = excluded.host,
           start_ticks = excluded.start_ticks, clock_offset_sec = excluded.clock_offset_sec
""")
_GONE = text("DELETE FROM processes WHERE name = :name")
_ALL = text("SELECT * FROM processes ORDER BY kind, host, pid")
_STARTS = text("""
    SELECT subject, at, kind, text, reason_code, reason_args FROM events
     WHERE at >= :since AND at <= :now
       AND kind IN ('process_started', 'process_restarted', 'process_stopped')
     ORDER BY at, id
""")


def name_of(kind: str, host: str, pid: int) -> str:
    """The name of a process in tables and events."""
    return f"{kind}@{host}:{pid}"


def beat(
    conn: Connection,
    kind: str,
    host: str,
    pid: int,
    now: float,
    started_at: float | None = None,
    home: str = "",
    *,
    start_ticks: int | None = None,
    clock_offset_sec: float = 0.0,
) -> None:
    """Record that a process (worker, beat, api, watchdog) works, since `started_at` or now.

    `home` is where its pid is valid, if that is not the whole host; `start_ticks` is when the
    kernel started the process (system/identity.py); `clock_offset_sec` is how much its clock is
    ahead of the database's.
    """
    values = {
        "name": name_of(kind, host, pid),
        "kind": kind,
        "host": home or host,
        "pid": pid,
        "now": now,
        "started_at": now if started_at is None else started_at,
        "start_ticks": start_ticks,
        "clock_offset_sec": clock_offset_sec,
    }
    conn.execute(_BEAT, values)


def remove(conn: Connection, kind: str, host: str, pid: int) -> None:
    """Delete a process that has ended in order; a killed process stays in the table, silent."""
    conn.execute(_GONE, {"name": name_of(kind, host, pid)})


def all_processes(conn: Connection) -> list[ProcessRow]:
    """Every known process, including silent processes."""
    return list(conn.execute(_ALL))


def starts(conn: Connection, since: float, now: float) -> dict[str, list[tuple[float, Reason]]]:
    """The starts of each process since a moment, by name: time and event's reason, oldest first.

    A start whose process ended in order is left out. A container's process has the same name after
    each start.
    """
    by_name: dict[str, list[tuple[float, Reason]]] = {}
    for row in conn.execute(_STARTS, {"since": since, "now": now}):
        own = by_name.setdefault(row.subject, [])
        if row.kind != "process_stopped":
            own.append((row.at, reasons.read(row, "text", "reason")))
        elif own:
            own.pop()
    return by_name
