"""The memory of a scanner of a local folder: the tree, and pictures that are being written.

File times are compared with each other, never with a clock: the file server's clock may differ from
ours, and writers set any times.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from easyai.domain.frame import KeyRules
from easyai.store.complete_picture import ends_as_it_should
from easyai.store.frame_store import Listing, Picture, always
from easyai.store.keys import split_key
from easyai.store.local_folder import GONE, version_of
from easyai.store.local_tree import Tree

# Between two checks of a picture that has its end, but may be written over an older picture in
# place: the file then still has the end of the older picture.
_MOMENT_SEC: Final = 0.05
_RESTLESS_SEC: Final = 10.0  # after its last change, every scan checks a picture for so long
_CHECK_AGAIN_SEC: Final = 5.0  # later, a scan checks the picture at this interval
_FORGET_SEC: Final = 60.0


@dataclass(slots=True)
class _Seen:
    """A picture that was not whole at the last check."""

    version: str
    since: float  # monotonic: when it was first seen as this version
    checked_at: float  # monotonic
    wary: bool
    ended: bool  # whether the file ends as its format requires


class LocalWatch:
    """The memory of a scanner; not safe between threads."""

    def __init__(self, root: str, rules: KeyRules) -> None:
        self._root = root
        self._tree = Tree(root, rules)
        self._seen: dict[str, _Seen] = {}
        self._again: set[str] = set()

    @property
    def cut(self) -> bool:
        """Whether the last listings ended before everything had been listed."""
        return self._tree.cut

    @property
    def unfinished(self) -> Collection[str]:
        """The keys of checked pictures that are still being written."""
        return self._seen.keys()

    def listings(self, until: float, wants_more: Callable[[], bool] = always) -> Iterator[Listing]:
        """Pictures to check again by name, then pictures in folders that may have changed.

        A picture that grows or is rewritten in place does not change the times of its folder.
        """
        by_name, self._again = self._again, set()
        by_name.update(self._due())
        if by_name:
            yield Listing(sorted(by_name), first=False)
        yield from self._tree.listings(until, wants_more)

    def again(self, keys: Sequence[str]) -> None:
        """Include these keys in the next listings, whatever the times of their folders."""
        self._again.update(keys)

    def whole_pictures(
        self, keys: Sequence[str], stable_sec: float, wary: Container[str]
    ) -> list[Picture]:
        """The whole pictures: complete to their end, or unchanged for `stable_sec`.

        A picture behind a symbolic link is none: the link may lead out of the folder.
        """
        whole, rewritten = [], []
        inside = _inside(self._root, {key.rpartition("/")[0] for key in keys})
        for key in keys:
            if key.rpartition("/")[0] not in inside:
                continue  # a name of somebody else's file
            picture = self._check(key, stable_sec, wary=key in wary)
            if picture is not None:
                whole.append(picture)
            elif (seen := self._seen.get(key)) is not None and seen.ended and seen.wary:
                rewritten.append(key)
        if rewritten:
            last = max(self._seen[key].since for key in rewritten)
            time.sleep(max(0.0, last + _moment(stable_sec) - time.monotonic()))
            again = (self._check(key, stable_sec, wary=True) for key in rewritten)
            whole += [picture for picture in again if picture is not None]
        return whole

    def _due(self) -> Iterator[str]:
        now = time.monotonic()
        for key, seen in list(self._seen.items()):
            if now - seen.checked_at >= _FORGET_SEC:
                # The scanner left the picture out (another process recorded it, or its type has no
                # place), or no scan ran here. The next listing of its folder finds it again.
                del self._seen[key]
            elif now - seen.since < _RESTLESS_SEC or now - seen.checked_at >= _CHECK_AGAIN_SEC:
                yield key

    def _check(self, key: str, stable_sec: float, *, wary: bool) -> Picture | None:
        split_key(key)
        path = f"{self._root}/{key}"
        seen, now = self._seen.get(key), time.monotonic()
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError
            version = version_of(status)
            if seen is None or seen.version != version:
                wary = wary or (seen is not None and seen.wary)
                ended = status.st_size > 0 and ends_as_it_should(path, version)
                seen = _Seen(version, now, now, wary, ended)
        except OSError as error:
            self._failed(key, error)
            return None
        seen.checked_at = now
        if status.st_size > 0 and now - seen.since >= _wait_sec(seen, stable_sec):
            self._seen.pop(key, None)
            return Picture(key, version, status.st_mtime)
        self._seen[key] = seen
        return None

    def _failed(self, key: str, error: OSError) -> None:
        seen, now = self._seen.pop(key, None), time.monotonic()
        if isinstance(error, FileNotFoundError) or error.errno in GONE:
            return
        # A bad file or sector must not stop the scan of other pictures.
        since = now if seen is None else seen.since
        self._seen[key] = _Seen("", since, now, wary=True, ended=False)
        self._tree.complain(key, f"cannot be read: {error.strerror}")


def _inside(root: str, folders: Collection[str]) -> set[str]:
    """The folders that are reached from the root without a symbolic link on the way."""
    links: dict[str, bool] = {"": False}

    def is_behind_link(folder: str) -> bool:
        if folder not in links:
            above = is_behind_link(folder.rpartition("/")[0])
            links[folder] = above or os.path.islink(f"{root}/{folder}")
        return links[folder]

    return {folder for folder in folders if not is_behind_link(folder)}


def _wait_sec(seen: _Seen, stable_sec: float) -> float:
    """How long a picture must be unchanged to count as whole."""
    if not seen.ended:
        return stable_sec
    return _moment(stable_sec) if seen.wary else 0.0


def _moment(stable_sec: float) -> float:
    return min(_MOMENT_SEC, stable_sec)
