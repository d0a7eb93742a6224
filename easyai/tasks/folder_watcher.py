"""The thread of a worker that takes in frames of a local folder on the word of the kernel."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from easyai.db import clock, leases
from easyai.db.events import Event
from easyai.db.events import add as add_events
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.pipeline.notified import NotifiedPictures, Record
from easyai.pipeline.ownership import Ownership
from easyai.runtime import Runtime
from easyai.store.folder_events import FolderEvents, not_watched
from easyai.system.identity import holder
from easyai.system.log_throttle import LogThrottle
from easyai.system.modes import opener
from easyai.tasks.gathering import Gathering
from easyai.tasks.intake_thread import STOPS_WITHIN_SEC, IntakeThread
from easyai.tasks.outage import OutageLog

log = logging.getLogger(__name__)

LEASE: Final = "watch"  # of the process that watches, for the health of the installation
LEASE_SEC: Final = 15.0
_CHECK_EVERY_SEC: Final = 5.0
_WATCH_ALL_AGAIN_SEC: Final = 60.0  # after the kernel's limit of watches was reached
_REMIND_SEC: Final = 3600.0
_LOCK: Final = "watch.lock"


class FolderWatcher(IntakeThread):
    """Watches the frame folder and takes in the pictures, a few at once."""

    def __init__(self, runtime: Callable[[], Runtime], record: Record) -> None:
        """`record` records the new pictures and has them inferred."""
        outage = OutageLog(log, "frame folder not watched, frames wait for the scan")
        super().__init__("folder-watcher", outage)
        self._runtime = runtime
        self._record = record
        self._holder = holder()
        self._folders = 0  # that were watched at the last log line
        self._reported = LogThrottle(_REMIND_SEC)

    def _take_in(self) -> bool:
        """Watch until the folder is another one, the settings change or this process stops.

        False when nothing was to watch.
        """
        runtime = self._runtime()
        folder = runtime.settings.frame_extractor.folder
        if folder is None or not runtime.settings.frame_extractor.watch_folder:
            return False
        with _alone(runtime.settings.easyai.data_dir) as alone:
            if not alone:
                return False  # another worker of this data folder watches
            with runtime.db.read() as conn:
                clock.now(conn)  # without a database, the folders are not walked
            events = self._opened(runtime, folder)
            try:
                self._watch(runtime, events)
                with runtime.db.write() as conn:
                    leases.release(conn, LEASE, self._holder)
            finally:
                events.close()
        return True

    def _opened(self, runtime: Runtime, folder: Path) -> FolderEvents:
        try:
            return FolderEvents(str(folder), runtime.store.rules)
        except OSError as error:
            self._report(runtime, not_watched(error))
            raise

    def _report(self, runtime: Runtime, fault: Reason) -> None:
        """Log why folders are not watched, also in the timeline of a diagnosis; once an hour."""
        if not fault or not self._reported.due(fault.code):
            return
        log.warning("folders are not watched, the scan finds their frames: %s", text(fault))
        folder = str(runtime.settings.frame_extractor.folder)
        with runtime.db.write() as conn:
            add_events(conn, [Event(clock.now(conn), "folder_not_watched", folder, fault)])

    def _begun(self, events: FolderEvents) -> None:
        self._outage.worked()
        if len(events) != self._folders:
            self._folders = len(events)
            log.info("frame folder watched: folders=%d", self._folders)

    def _watch(self, runtime: Runtime, events: FolderEvents) -> None:
        pictures = runtime.part(NotifiedPictures)
        pictures.record = self._record
        opened = check_at = time.monotonic()
        gathering, begun = Gathering(), False
        while not self._end.is_set():
            now = time.monotonic()
            if now >= check_at:
                check_at = now + _CHECK_EVERY_SEC
                if not self._goes_on(runtime, events, now - opened):
                    return
                if not begun:
                    self._begun(events)
                    begun = True
            if events.wait(min(check_at - now, STOPS_WITHIN_SEC, gathering.wait_sec(now))):
                time.sleep(gathering.pause_sec(time.monotonic()))
                gathering.add(events.read(), time.monotonic())
            if keys := gathering.take(time.monotonic()):
                pictures.take(keys)

    def _goes_on(self, runtime: Runtime, events: FolderEvents, age_sec: float) -> bool:
        """Whether to go on watching; if so, writes the lease that shows it."""
        runtime.part(Ownership).check()
        self._report(runtime, events.fault)
        if (
            not runtime.settings.frame_extractor.watch_folder
            or not events.is_current()
            or (events.fault and age_sec >= _WATCH_ALL_AGAIN_SEC)
        ):
            return False
        with runtime.db.write(lasting=False) as conn:
            leases.acquire(conn, LEASE, self._holder, LEASE_SEC, clock.now(conn))
        return True


@contextmanager
def _alone(data_dir: Path) -> Iterator[bool]:
    """Whether no other process watches for this data folder, held for the block."""
    descriptor = opener(str(data_dir / _LOCK), os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
