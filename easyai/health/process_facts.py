"""Our own processes as their rows tell of them, and the duties they hold."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from easyai.db import processes
from easyai.health.presence import EVERY_SEC, exists, has_ended

# One that shows itself lives: a container may share our host's name, and not its process numbers.
_MISSED_SEC: Final = 1.5 * EVERY_SEC


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process of ours."""

    name: str
    kind: str
    pid: int
    started_at: float
    beat_at: float
    exists: bool | None  # None: it runs on another machine
    ended: bool = False  # on this machine: it shows itself no more, and no process has its number


@dataclass(frozen=True, slots=True)
class DutyFacts:
    """A periodic duty: who holds it, until when, and when it was last done."""

    holder: str
    expires_at: float
    done_at: float


def read(conn: Connection, now: float) -> tuple[ProcessFacts, ...]:
    """Every process that has a row."""
    here = socket.gethostname()
    return tuple(
        ProcessFacts(
            row.name,
            row.kind,
            row.pid,
            row.started_at,
            row.beat_at,
            exists(row.pid, row.kind) if row.host == here else None,
            row.host == here and abs(now - row.beat_at) > _MISSED_SEC and has_ended(row.pid),
        )
        for row in processes.all_processes(conn)
    )
