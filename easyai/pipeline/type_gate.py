"""Admits frames of a new task type while there is a place for the type (``max_task_types``)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable
from typing import Final

from easyai.db import admitted_types, clock, events
from easyai.db.events import Event
from easyai.domain.reason import Reason
from easyai.domain.type_places import TYPES_FULL
from easyai.messages.catalogue import text
from easyai.runtime import Runtime
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

# A type's row is kept for a day after a frame named it, so a result this old is still valid.
_TRUST_SEC: Final = 60.0
_ASK_AGAIN_SEC: Final = 5.0
_REMIND_SEC: Final = 3600.0
_MOST_NAMES: Final = 5  # in a message


class TypeGate:
    """Knows which types have a place; asks the database once a minute for each."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()  # the scan and the watcher of a folder both ask
        # When the database was asked, on the monotonic clock.
        self._admitted: dict[str, float] = {}
        self._refused: dict[str, float] = {}
        self._throttle = LogThrottle(_REMIND_SEC)

    def admit(self, names: Iterable[str]) -> set[str]:
        """The types whose frames may be recorded now; each has its row in task_types.

        Call before the transaction that records the frames. Frames of other types stay in the
        store. Raises DatabaseUnavailableError.
        """
        wanted, now = set(names), time.monotonic()
        with self._lock:
            unsure = {name for name in wanted if self._is_unsure(name, now)}
            if unsure:
                self._ask(unsure, now)
            return wanted & self._admitted.keys()

    def _is_unsure(self, name: str, now: float) -> bool:
        asked_at = self._admitted.get(name)
        if asked_at is not None:
            return now - asked_at >= _TRUST_SEC
        return now - self._refused.get(name, -_TRUST_SEC) >= _ASK_AGAIN_SEC

    def _ask(self, unsure: Collection[str], now: float) -> None:
        with self._runtime.db.read() as conn:
            admitted = admitted_types.fresh(conn, unsure, clock.now(conn))
        if stale := set(unsure) - admitted:
            admitted |= self._note(stale)
        for memory in (self._admitted, self._refused):
            for name in [name for name, at in memory.items() if now - at >= _TRUST_SEC]:
                del memory[name]
        for name in unsure:
            memory, other = self._admitted, self._refused
            if name not in admitted:
                memory, other = other, memory
            memory[name] = now
            other.pop(name, None)

    def _note(self, names: Collection[str]) -> set[str]:
        settings = self._runtime.settings
        limit, always = settings.ai_analysis.max_task_types, settings.task_types
        with self._runtime.db.write() as conn:
            return admitted_types.admit_framed(conn, names, limit, always, clock.now(conn))

    def report(self) -> None:
        """Log the folders that are not taken in: at once, then once an hour, and the end of it."""
        if not self._refused:
            if self._throttle.over():
                log.info("every task type has a place again, frames of all folders are taken in")
        elif self._throttle.due():
            self._warn()

    def _warn(self) -> None:
        limit = self._runtime.settings.ai_analysis.max_task_types
        count, named = len(self._refused), sorted(self._refused)[:_MOST_NAMES]
        folders = (*named, "…") if count > _MOST_NAMES else tuple(named)
        reason = Reason.of("task_types.full", count=count, limit=limit, folders=folders)
        log.warning(
            "%s; raise ai_analysis.max_task_types, name the types in the settings, or see whether "
            "the first level below the store holds something other than task types",
            text(reason),
        )
        with self._runtime.db.write() as conn:
            at = clock.now(conn)
            # Several processes scan in turn, and each has its own throttle.
            if events.newest(conn, TYPES_FULL, "", at - _REMIND_SEC) is None:
                events.add(conn, [Event(at, TYPES_FULL, "", reason)])
