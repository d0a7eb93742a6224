"""The folders of a local store: which folders need a listing, and which pictures they have.

A folder whose times have not changed is not listed again. But each folder is listed every half
minute anyway, for file systems whose times cannot be trusted.
"""

from __future__ import annotations

import logging
import os
import random
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from easyai.domain.arrivals import natural
from easyai.domain.frame import KeyRules, is_picture
from easyai.errors import StoreUnavailableError
from easyai.store.file_systems import FolderTimes
from easyai.store.frame_store import Listing, always
from easyai.store.keys import LONGEST_KEY, is_text
from easyai.store.local_folder import GONE, unavailable
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LIST_AGAIN_SEC: Final = 30.0
# Times on a disk may be as coarse as 2 s: a file that comes within 2 s of a listing may leave the
# folder's times unchanged.
_SETTLE_SEC: Final = 3.0
_OF_NEW: Final = 0.25  # share of the time for folders that were never listed
_REMIND_SEC: Final = 86_400.0


@dataclass(slots=True)
class _Folder:
    prefix: str  # of the keys in it; '' or ends with '/'
    path: str
    most: int = LONGEST_KEY  # bytes of a name in it; -1 if its own name is not text
    fresh: bool = False  # created since the last listing of its parent folder
    tried: bool = False  # whether a listing was tried
    times: tuple[int, ...] = ()  # at the last listing; (): no listing succeeded
    # While its times stay the same, it needs no listing from the first of these moments to the
    # second (monotonic).
    settled_at: float = 0.0
    list_again_at: float = 0.0


class Tree:
    """Every folder below a root that this process has seen; follows no symbolic link."""

    def __init__(self, root: str, rules: KeyRules) -> None:
        self._rules = rules
        self._root = _Folder("", root)
        self._folders: dict[str, _Folder] = {"": self._root}
        self._round: deque[_Folder] = deque()  # rest of a round over the folders tried before
        self._fresh: deque[_Folder] = deque()  # not listed yet, created while we watch
        self._new: deque[_Folder] = deque([self._root])  # not listed yet, created before that
        self._times = FolderTimes()
        self._throttle = LogThrottle(_REMIND_SEC)

    @property
    def cut(self) -> bool:
        """Whether the last call ended before the end of a round."""
        return bool(self._round or self._fresh or self._new)

    def listings(self, until: float, wants_more: Callable[[], bool] = always) -> Iterator[Listing]:
        """The pictures in folders that may have changed, until a moment (monotonic).

        Folders that were never listed come last, while the caller `wants_more`: their pictures may
        be old. The next call continues where this call ended. Raises StoreUnavailableError when the
        root cannot be listed.
        """
        try:
            os.stat(self._root.path)
        except OSError as error:
            raise self._unavailable(error) from error
        if not self._round:
            self._round.extend(folder for folder in self._folders.values() if folder.tried)
        # Folders that were never listed come after the folders in which cameras write now, because
        # their pictures are old. But a camera may be new, too. So when a round takes longer than
        # this call, new folders get a share of the time, and at least a single new folder is
        # listed.
        now = time.monotonic()
        share = 1 - _OF_NEW if self._fresh or self._new else 1.0
        yield from self._look(self._round, now + share * (until - now))
        yield from self._look(self._fresh, until)
        yield from self._look(self._new, until, wants_more)

    def _look(
        self, folders: deque[_Folder], until: float, wants_more: Callable[[], bool] = always
    ) -> Iterator[Listing]:
        looked = False
        while folders and wants_more():
            now = time.monotonic()
            if looked and now >= until:
                return
            looked = True
            folder = folders.popleft()
            status = self._if_due(folder, now)
            if status is None:
                continue
            first = not folder.times
            keys = self._listed(folder, status)
            if keys:
                yield Listing(keys, first)

    def complain(self, key: str, why: str) -> None:
        """Log why a key is left alone; once a day for each key."""
        if self._throttle.due(key):
            log.warning("not a frame, left alone: %r: %s", key, why)

    def _if_due(self, folder: _Folder, now: float) -> os.stat_result | None:
        """The status of a folder that must be listed now, else None.

        Each scan runs this for each folder: there may be ten thousand.
        """
        try:
            # An operator may set a link as the root.
            status = os.stat(folder.path, follow_symlinks=folder is self._root)
        except OSError as error:
            folder.tried = True
            self._failed(folder, error)
            return None
        unchanged = _times(status) == folder.times
        if unchanged and folder.settled_at <= now < folder.list_again_at:
            return None if self._times.trusted(status.st_dev, folder.path) else status
        return status

    def _listed(self, folder: _Folder, status: os.stat_result) -> list[str]:
        """The keys of pictures in a folder; [] when it cannot be listed."""
        folder.tried = True
        try:
            if folder is not self._root and not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError
            self._plan(folder, status)
            keys = self._list(folder)
        except OSError as error:
            self._failed(folder, error)
            return []
        folder.times = _times(status)
        self._throttle.over(folder.prefix)
        return keys

    def _plan(self, folder: _Folder, status: os.stat_result) -> None:
        """Set when a folder that is listed now must be listed again."""
        now = time.monotonic()
        if _times(status) != folder.times:
            folder.settled_at = now + _SETTLE_SEC
        # Spread over time, or folders that were found together would be listed together.
        folder.list_again_at = now + LIST_AGAIN_SEC * random.uniform(0.5, 1.0)  # noqa: S311

    def _list(self, folder: _Folder) -> list[str]:
        keys: list[str] = []
        new_folders: list[_Folder] = []
        prefix = folder.prefix
        most = folder.most
        fresh = folder.fresh or folder.times != ()
        with os.scandir(folder.path) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below = f"{prefix}{name}/"
                    if below not in self._folders and below not in self._rules.excluded:
                        new_folders.append(_Folder(below, entry.path, _most(below), fresh))
                elif is_picture(name):
                    key = prefix + name
                    if not entry.is_file(follow_symlinks=False):
                        self.complain(key, "not a regular file")
                    elif (name.isascii() and len(name) <= most) or self._is_text(key):
                        keys.append(key)
        if new_folders:
            self._add(new_folders)
        return keys

    def _add(self, found: Iterable[_Folder]) -> None:
        """Queue new folders in natural order, so that folders of days are listed day by day."""
        for folder in sorted(found, key=lambda child: natural(child.prefix)):
            self._folders[folder.prefix] = folder
            (self._fresh if folder.fresh else self._new).append(folder)

    def _failed(self, folder: _Folder, error: OSError) -> None:
        if folder is self._root:
            raise self._unavailable(error) from error
        if error.errno in GONE or isinstance(error, NotADirectoryError):
            self._folders.pop(folder.prefix, None)  # the parent's next listing finds it again
            return
        folder.times = ()
        self.complain(folder.prefix, f"cannot be listed: {error.strerror}")

    def _is_text(self, key: str) -> bool:
        if is_text(key):
            if len(key.encode()) <= LONGEST_KEY:
                return True
            self.complain(key, f"its path is longer than {LONGEST_KEY} bytes; shorten it")
            return False
        shown = key.encode("utf-8", "backslashreplace").decode()
        self.complain(shown, "its name is not UTF-8; rename it")
        return False

    def _unavailable(self, error: OSError) -> StoreUnavailableError:
        return unavailable(self._root.path, error)


def _most(prefix: str) -> int:
    """How many bytes the name of a key with this prefix may have; -1 if the prefix is not text."""
    return LONGEST_KEY - len(prefix.encode()) if is_text(prefix) else -1


def _times(status: os.stat_result) -> tuple[int, ...]:
    """Values that differ when a folder has changed; a program may set all except the ctime."""
    return status.st_ctime_ns, status.st_mtime_ns, status.st_ino, status.st_dev
