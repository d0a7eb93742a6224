"""Rounds over a bucket, page by page: each goes on behind the last key, however long it rests.

Several workers have a round each, and scans go to any of them. As long as it takes more than one
scan, each begins at another camera, so that they do not all list the same pages first.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from easyai.domain.frame import KeyRules
from easyai.store.base import Picture
from easyai.store.bucket import Bucket
from easyai.store.bucket_pages import read_folder, read_page


@dataclass(slots=True)
class _Stretch:
    """Keys that are still to be listed."""

    prefix: str
    after: str = ""
    before: str = ""  # '': to the end


class Round:
    """How far one scanner has come; alerts and failed frames are never paged through."""

    def __init__(self, bucket: Bucket, rules: KeyRules) -> None:
        self._bucket = bucket
        self._rules = rules
        self._left: deque[_Stretch] = deque()
        self._start = ""  # a camera's folder; '': not chosen yet
        self.first = True  # no round has come to its end yet
        self.long = True  # one takes more than one scan

    @property
    def under_way(self) -> bool:
        """Whether it has begun and not come to its end."""
        return bool(self._left)

    def begin(self) -> list[Picture]:
        """Begin anew; the pictures beside folders to leave out, which come at once."""
        pictures, folders = self._open(self._rules.base_path)
        if self.long and folders and not self._start:
            self._start = self._any_camera(folders)
        self._left = deque(_turned(folders, self._start if self.long else ""))
        self.first = self.first and self.under_way
        return pictures

    def next_page(self) -> list[Picture]:
        """The next pictures of a round under way; none where a page shows other objects only."""
        stretch = self._left[0]
        page = read_page(self._bucket, stretch.prefix, stretch.after)
        pictures, last = page.pictures, page.last
        if stretch.before and (last or stretch.before) >= stretch.before:
            pictures = [one for one in pictures if one.key < stretch.before]
            last = None
        if last is None:
            self._left.popleft()
            self.first = self.first and bool(self._left)
        else:
            stretch.after = last
        return pictures

    def _open(self, prefix: str) -> tuple[list[Picture], list[str]]:
        """Pictures, and folders in order of which each can be listed with all that is below.

        Folder by folder only as far as one to leave out lies below; the rest is one listing.
        """
        if prefix.startswith(self._rules.excluded):
            return [], []
        if not any(folder.startswith(prefix) for folder in self._rules.excluded):
            return [], [prefix]
        pictures, below = read_folder(self._bucket, prefix)
        folders = []
        for folder in sorted(below):
            more, deeper = self._open(folder)
            pictures += more
            folders += deeper
        return pictures, folders

    def _any_camera(self, folders: list[str]) -> str:
        """The folder of a camera: so the pictures of each camera come in their order."""
        place = random.choice(folders)  # noqa: S311 - no secret
        while place.count("/") < self._rules.base_path.count("/") + 2:
            _, below = read_folder(self._bucket, place)
            if not below:
                break
            place = random.choice(below)  # noqa: S311
        return place


def _turned(folders: list[str], start: str) -> list[_Stretch]:
    """All folders, beginning at a place; what comes before it comes at the end."""
    parts = [_Stretch(folder) for folder in folders]
    at = next((n for n, one in enumerate(folders) if one > start or start.startswith(one)), 0)
    turned = parts[at:] + parts[:at]
    if turned and start.startswith(turned[0].prefix) and start != turned[0].prefix:
        turned.append(_Stretch(turned[0].prefix, before=start))
        turned[0].after = start
    return turned
