"""The pictures of a local folder of which the kernel gives word, and the folders that are watched.

A file is named when its writer has closed it or has renamed it into place. Only writers on this
machine cause events: what comes over a network file system from another machine is found by the
scan alone.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Final

from easyai.domain.frame import KeyRules, is_picture
from easyai.domain.reason import NO_REASON, Reason, quote
from easyai.store.keys import LONGEST_KEY, is_text
from easyai.store.local_folder import GONE
from easyai.system import inotify
from easyai.system.inotify import Event, Inotify

log = logging.getLogger(__name__)

_MASK: Final = (
    inotify.CLOSE_WRITE
    | inotify.MOVED_TO
    | inotify.MOVE_SELF
    | inotify.CREATE
    | inotify.ONLY_FOLDERS
    | inotify.NO_LINKS
)
_WRITTEN: Final = inotify.CLOSE_WRITE | inotify.MOVED_TO
_MOST_WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_watches")


class FolderEvents:
    """Watches every folder below a root, also folders that appear later; for a single thread."""

    def __init__(self, root: str, rules: KeyRules) -> None:
        """Raises OSError when the kernel or the root allows no watch at all."""
        self._root = root
        self._rules = rules
        self._prefixes: dict[int, str] = {}  # of the keys in a watched folder, by its watch
        self._watches: dict[str, int] = {}
        #: Why folders are not watched; NO_REASON when all are.
        self.fault: Reason = NO_REASON
        self.overflows = 0
        self._inotify = Inotify()
        try:
            # The root itself may be a link that an operator set.
            self._root_id = _identity(root)
            self._note(self._inotify.add(root, _MASK & ~inotify.NO_LINKS), "")
            self._watch_below([("", False)])  # what lies there now, the scan finds
        except BaseException:
            self._inotify.close()
            raise

    def __len__(self) -> int:
        """The number of watched folders."""
        return len(self._watches)

    def wait(self, timeout_sec: float) -> bool:
        """Whether there is word, at the latest after `timeout_sec`."""
        return self._inotify.wait(timeout_sec)

    def read(self) -> list[str]:
        """The keys of pictures that were written since the last call, each once.

        After an overflow of the kernel's queue all folders are looked through for new folders, and
        the scan finds the pictures whose events were lost.
        """
        keys: dict[str, None] = {}
        for event in self._inotify.read():
            prefix = self._prefixes.get(event.watch)
            if prefix is not None and event.mask & _WRITTEN and not event.mask & inotify.IS_FOLDER:
                name = os.fsdecode(event.name)
                if _may_be_frame(prefix, name):
                    keys[prefix + name] = None
            else:
                keys.update(dict.fromkeys(self._folder_changed(event, prefix)))
        return list(keys)

    def is_current(self) -> bool:
        """Whether the watched root is still the folder at its path."""
        try:
            return "" in self._watches and self._root_id == _identity(self._root)
        except OSError:
            return False

    def close(self) -> None:
        """Watch nothing any more."""
        self._inotify.close()

    def _folder_changed(self, event: Event, prefix: str | None) -> list[str]:
        """Follow a change of the folders; the pictures in folders that appeared."""
        if event.mask & inotify.OVERFLOW:
            self.overflows += 1
            log.warning(
                "events of the frame folder were lost, the scan finds their frames; raise "
                "fs.inotify.max_queued_events if this repeats"
            )
            return self._watch_below([("", False)])
        if prefix is None:
            return []
        if event.mask & inotify.IGNORED:
            self._drop(event.watch)
        elif event.mask & inotify.MOVE_SELF:
            self._moved(event.watch, prefix)
        elif event.mask & inotify.IS_FOLDER:
            name = os.fsdecode(event.name)
            if self._is_wanted(prefix, name) and self._add(below := f"{prefix}{name}/"):
                return self._watch_below([(below, True)])
        return []

    def _moved(self, watch: int, prefix: str) -> None:
        """Forget a folder that was moved out of the tree, with all folders below it."""
        if self._add(prefix) and self._watches[prefix] == watch:
            return  # its new place was noted by the event of the folder above
        for below in [one for one in self._watches if one.startswith(prefix)]:
            if below != prefix or self._watches[below] == watch:
                self._end(self._watches[below])

    def _watch_below(self, folders: list[tuple[str, bool]]) -> list[str]:
        """Watch all folders below these prefixes; the pictures in folders that are new.

        A folder is watched before it is listed, so no picture comes in between without word.
        """
        found: list[str] = []
        while folders:
            prefix, is_new = folders.pop()
            try:
                with os.scandir(f"{self._root}/{prefix}") as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            below = f"{prefix}{entry.name}/"
                            watch = self._watches.get(below)
                            if self._is_wanted(prefix, entry.name) and self._add(below):
                                folders.append((below, watch != self._watches[below]))
                        elif is_new and _may_be_frame(prefix, entry.name):
                            found.append(prefix + entry.name)
            except OSError as error:
                if error.errno not in GONE:
                    log.debug("folder not looked through: %r: %s", prefix, error.strerror)
        return found

    def _is_wanted(self, prefix: str, name: str) -> bool:
        return not name.startswith(".") and f"{prefix}{name}/" not in self._rules.excluded

    def _add(self, prefix: str) -> bool:
        """Watch a folder; false where it has gone or the kernel allows no further watch."""
        path = f"{self._root}/{prefix}"
        try:
            # A path that ends in "/" would follow a link; only the root may be one.
            self._note(self._inotify.add(path[:-1] if prefix else path, _MASK), prefix)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self.fault = self.fault or watches_used_up(len(self._watches))
            elif error.errno not in GONE:
                log.debug("folder not watched: %r: %s", prefix, error.strerror)
            return False
        return True

    def _note(self, watch: int, prefix: str) -> None:
        # A folder that was moved within the tree keeps its watch.
        old = self._prefixes.get(watch)
        if old is not None and self._watches.get(old) == watch:
            del self._watches[old]
        before = self._watches.get(prefix, watch)
        if before != watch:
            self._end(before)  # of the folder that was here before
        self._prefixes[watch] = prefix
        self._watches[prefix] = watch

    def _drop(self, watch: int) -> None:
        prefix = self._prefixes.pop(watch, "")
        if self._watches.get(prefix) == watch:
            del self._watches[prefix]

    def _end(self, watch: int) -> None:
        self._inotify.remove(watch)
        self._drop(watch)


def most_watches() -> str:
    """The kernel's limit of watches for all programs of a user; "?" where it cannot be read."""
    try:
        return _MOST_WATCHES.read_text(encoding="ascii").strip()
    except OSError:
        return "?"


def watches_used_up(watched: int) -> Reason:
    """The reason why not all folders are watched."""
    return Reason.of("incoming.watches_used_up", n=watched, limit=most_watches())


def not_watched(error: OSError) -> Reason:
    """The reason why no folder is watched at all."""
    if error.errno == errno.ENOSPC:
        return watches_used_up(0)
    return Reason.of("incoming.not_watched", error=quote(str(error.strerror)))


def _may_be_frame(prefix: str, name: str) -> bool:
    if name.startswith(".") or not is_picture(name):
        return False
    key = prefix + name
    return is_text(key) and len(key.encode()) <= LONGEST_KEY


def _identity(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_dev, status.st_ino
