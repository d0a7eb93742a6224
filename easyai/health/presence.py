"""A process shows that it works: its row in `processes`, from its start to its end."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from easyai.db import events, processes
from easyai.db.session import Database
from easyai.supervised import restart_reason

log = logging.getLogger(__name__)

EVERY_SEC: Final = 5.0
#: A process whose row is older has hung or was killed: three rows in a row are missing.
SILENT_AFTER_SEC: Final = 20.0
_PROGRAM: Final = "easyai"  # stands in the command line of each of our processes
_WITH_BEAT: Final = re.compile(r"--beat|-[A-Za-z]*B")
_AGAIN: Final = "started again: "


class Presence:
    """Writes the row from a thread of its own, while the process works.

    A database that is away costs the process nothing: the next row is written when it is back.
    """

    def __init__(
        self, kind: str, database: Callable[[], Database], works: Callable[[], bool] = lambda: True
    ) -> None:
        """`kind` is worker, beat, api or watchdog; `works` says whether its loops turn."""
        self._kind = kind
        self._host = socket.gethostname()
        self._home = home()
        self._pid = os.getpid()
        self._open = database
        self._works = works
        self._db: Database | None = None
        self._started_at = time.time()
        self._announced = False
        self._failing = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin; the start is told in the events, or when the database is back."""
        self._thread.start()

    def close(self, timeout_sec: float = 2.0) -> None:
        """Take the row away: this process ends in order. What takes longer is left to its age."""
        self._end.set()
        self._thread.join(timeout_sec)

    def _run(self) -> None:
        while True:
            if self._works():
                self._attempt(self._show)
            if self._end.wait(EVERY_SEC):
                break
        if self._announced:
            self._attempt(self._leave)

    def _attempt(self, write: Callable[[Database, float], None]) -> None:
        try:
            if self._db is None:
                self._db = self._open()
            write(self._db, time.time())
        except Exception as error:  # noqa: BLE001 - whatever it is, the process has other work
            if not self._failing:
                log.warning("%s: not shown among the processes for now: %s", self._kind, error)
            self._failing = True
        else:
            self._failing = False

    def _show(self, db: Database, now: float) -> None:
        with db.write() as conn:
            processes.beat(
                conn, self._kind, self._host, self._pid, now, self._started_at, self._home
            )
            if not self._announced:
                events.add(conn, [self._start_event()])
        self._announced = True

    def _start_event(self) -> events.Event:
        reason = restart_reason()
        kind = "process_restarted" if reason else "process_started"
        text = f"{_AGAIN}{reason}" if reason else "started"
        return events.Event(self._started_at, kind, self._name, text)

    def _leave(self, db: Database, now: float) -> None:
        with db.write() as conn:
            processes.gone(conn, self._kind, self._host, self._pid)
            events.add(conn, [events.Event(now, "process_stopped", self._name, "ended in order")])

    @property
    def _name(self) -> str:
        return processes.name_of(self._kind, self._host, self._pid)


def reason_of_start(said: str) -> str:
    """Why a supervisor had to start a process again, by its event; '' for a first start."""
    return said.removeprefix(_AGAIN) if said.startswith(_AGAIN) else ""


def home() -> str:
    """Where process numbers mean the same: this host, since it booted, in this container.

    Machines and containers may share a host's name. Where the system does not say, the name alone.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot} {space}"


def exists(pid: int, kind: str) -> bool:
    """Whether our process of this kind is there on this machine, be it stopped or hung.

    The system gives the number of a process that has ended to another: one whose command line is
    not that of our kind is not ours. Times would not tell: the clock may have jumped since. Where
    command lines cannot be read, any process counts.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # not ours to signal, but there
    words = _command_line(pid)
    return words is None or (_is_kind(kind, words) and _is_ours(pid, words))


def _is_kind(kind: str, words: Sequence[str]) -> bool:
    if kind in words:
        return True
    # `celery worker -B` runs beat in a child, which keeps the command line.
    return kind == "beat" and "worker" in words and any(map(_WITH_BEAT.fullmatch, words))


def _is_ours(pid: int, words: Sequence[str]) -> bool:
    if any(_PROGRAM in word for word in words):
        return True
    try:
        told = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return any(one.startswith(b"CELERY_APP=" + _PROGRAM.encode()) for one in told.split(b"\0"))


def has_ended(pid: int) -> bool:
    """Whether no process has this number on this machine, but for one that was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # not ours to signal, but there
    words = _command_line(pid)
    return words is not None and not any(words)


def _command_line(pid: int) -> list[str] | None:
    """The words a process was started with, none when it has ended; None: not known."""
    try:
        told = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    # A program may have changed its title, to one text in place of words.
    return re.split(r"[\0\s()]+", told)
