"""Our own processes, as their database rows record them, and the leases they hold."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from easyai.db import processes
from easyai.domain.reason import Reason
from easyai.process.presence import EVERY_SEC, SILENT_AFTER_SEC, reason_of_start
from easyai.runtime import Runtime
from easyai.system.identity import home, runs

#: Older starts are ignored.
STARTS_SEC: Final = 120.0
# A process whose last sign of life is this young is alive.
_MISSED_SEC: Final = 1.5 * EVERY_SEC
# The supervisor kills a hung process when the alarm is raised, and takes seconds to replace it.
_HUNG_SHOWN_SEC: Final = 60.0


class Start(NamedTuple):
    """A start of a process."""

    at: float
    reason: Reason  # why the supervisor restarted the process; no reason for a first start


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """A process of ours."""

    name: str
    kind: str
    pid: int
    started_at: float
    beat_at: float
    exists: bool | None  # None: it runs on another machine
    ended: bool = False  # on this machine
    hung: bool = False  # silent but running, now or when we looked within the last minute
    starts: tuple[Start, ...] = ()  # under this name within STARTS_SEC, oldest first
    clock_offset_sec: float = 0.0  # how far its machine's clock is ahead of the database's


@dataclass(frozen=True, slots=True)
class ProcessLeaseFacts:
    """The lease of a periodic task: its holder, its end, and when the task was last done."""

    holder: str
    expires_at: float
    done_at: float


def read(conn: Connection, runtime: Runtime, now: float) -> tuple[ProcessFacts, ...]:
    """Every process that has a row."""
    here = {home(), socket.gethostname()}  # older releases recorded the host name only
    hung = runtime.part(HungMemory)
    starts = processes.starts(conn, now - STARTS_SEC, now)
    return tuple(
        _facts(
            row,
            here,
            hung,
            [Start(at, reason_of_start(why)) for at, why in starts.get(row.name, ())],
            now,
        )
        for row in processes.all_processes(conn)
    )


def _facts(
    row: Any, here: Collection[str], hung: HungMemory, starts: list[Start], now: float
) -> ProcessFacts:
    age_sec, is_here = abs(now - row.beat_at), row.host in here
    there = runs(row.pid, row.start_ticks) if is_here else None
    # Without a start time, the pid may belong to another machine with the same name.
    surely = row.start_ticks is not None or age_sec > _MISSED_SEC
    return ProcessFacts(
        row.name,
        row.kind,
        row.pid,
        row.started_at,
        row.beat_at,
        there,
        there is False and surely,
        hung.hangs_or_hung(row.name, row.beat_at, bool(there) and age_sec > SILENT_AFTER_SEC),
        tuple(starts),
        row.clock_offset_sec,
    )


class HungMemory:
    """The processes that this process has seen hang within the last minute.

    The row of an ended process does not record whether the process hung before.
    """

    def __init__(self, runtime: Runtime) -> None:
        del runtime
        # (name, last sign of life) → when the hang was last seen, on the monotonic clock.
        self._seen: dict[tuple[str, float], float] = {}

    def hangs_or_hung(self, name: str, beat_at: float, hangs: bool) -> bool:
        """Whether a process with this last sign of life hangs, or was seen to hang lately."""
        now = time.monotonic()
        for process, seen_at in list(self._seen.items()):
            if now - seen_at > _HUNG_SHOWN_SEC:
                self._seen.pop(process, None)  # another thread may have removed it
        if hangs:
            self._seen[name, beat_at] = now
        return (name, beat_at) in self._seen
