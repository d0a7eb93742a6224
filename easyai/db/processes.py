"""The SQL of our own processes: which there are, and when each last showed that it works."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

ProcessRow = Row[Any]

_BEAT = text("""
    INSERT INTO processes (name, kind, host, pid, started_at, beat_at)
    VALUES (:name, :kind, :host, :pid, :now, :now)
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
""")
_GONE = text("DELETE FROM processes WHERE name = :name")
_ALL = text("SELECT * FROM processes ORDER BY kind, host, pid")


def beat(conn: Connection, kind: str, host: str, pid: int, now: float) -> None:
    """Note that a process (worker, beat, api, watchdog) works."""
    values = {"name": f"{kind}@{host}:{pid}", "kind": kind, "host": host, "pid": pid, "now": now}
    conn.execute(_BEAT, values)


def gone(conn: Connection, kind: str, host: str, pid: int) -> None:
    """Forget a process that has ended in order; one that was killed stays, silent."""
    conn.execute(_GONE, {"name": f"{kind}@{host}:{pid}"})


def all_processes(conn: Connection) -> list[ProcessRow]:
    """Every process that is known, those that fell silent too."""
    return list(conn.execute(_ALL))
