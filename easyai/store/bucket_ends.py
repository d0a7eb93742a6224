"""Finds pictures that cameras add after the last key of their folders, during a long round.

Names usually grow with time: a new picture in a camera's folder comes after the last key listed
there. A picture with an earlier name is found when the round lists its folder again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from easyai.domain.frame import KeyRules
from easyai.store.bucket import Bucket
from easyai.store.bucket_pages import Page, read_folder, read_page
from easyai.store.frame_store import Picture
from easyai.system.side_by_side import SideBySide

_REQUESTS: Final = 16  # at once


class Ends:
    """How far a scanner has listed each camera's folder; every camera is listed in turn."""

    def __init__(self, bucket: Bucket, rules: KeyRules) -> None:
        self._bucket = bucket
        self._rules = rules
        self._requests = SideBySide(_REQUESTS)
        self._last: dict[str, str] = {}  # by a camera's folder: the last frame listed in it
        self._backlogs: set[str] = set()  # folders whose page was full: left to the round
        self._remaining: deque[str] = deque()  # folders that are still to be listed

    def note(self, pictures: Sequence[Picture]) -> None:
        """Record that the round has listed these pictures, in the order of their keys."""
        for picture in pictures:
            if self._rules.parse(picture.key):  # a preview's name does not grow
                folder = self._rules.camera_folder(picture.key)
                self._last[folder] = max(picture.key, self._last.get(folder, ""))
                self._backlogs.discard(folder)

    def forget(self) -> None:
        """Clear everything: a round takes a single scan, so the ends are not needed."""
        self._last.clear()
        self._backlogs.clear()
        self._remaining.clear()

    def pages(self, until: float) -> Iterator[Page]:
        """A page of each folder after its last key, until a moment; a folder comes once at most."""
        if not self._remaining:
            self._list_cameras()
        while self._remaining and time.monotonic() < until:
            count = min(_REQUESTS, len(self._remaining))
            some = [self._remaining.popleft() for _ in range(count)]
            for folder, page in zip(some, self._requests.map(self._read, some), strict=True):
                self.note(page.pictures)
                if page.last is not None:
                    self._backlogs.add(folder)
                yield page

    def _read(self, folder: str) -> Page:
        return read_page(self._bucket, folder, self._last.get(folder, ""))

    def _list_cameras(self) -> None:
        def below(folder: str) -> list[str]:
            return read_folder(self._bucket, folder)[1]

        types = [name for name in below(self._rules.base_path) if not self._is_excluded(name)]
        cameras = [name for some in self._requests.map(below, types) for name in some]
        self._last = {name: self._last[name] for name in cameras if name in self._last}
        self._backlogs.intersection_update(cameras)
        self._remaining.extend(
            name
            for name in cameras
            if name not in self._backlogs and not self._is_near_excluded(name)
        )

    def _is_excluded(self, folder: str) -> bool:
        return folder.startswith(self._rules.excluded)

    def _is_near_excluded(self, folder: str) -> bool:
        """Whether the folder or a folder below it is excluded."""
        near = (excluded.startswith(folder) for excluded in self._rules.excluded)
        return self._is_excluded(folder) or any(near)
