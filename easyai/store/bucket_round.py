"""Rounds over a bucket, page by page: a round continues after its last key, after any pause.

Several workers have a round each, and any of them may get the next scan. While a round takes
several scans, each round begins at another camera, so that they do not list the same pages first.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from easyai.domain.frame import KeyRules
from easyai.store.bucket import Bucket
from easyai.store.bucket_pages import read_folder, read_page
from easyai.store.frame_store import Picture


@dataclass(slots=True)
class _Stretch:
    """Keys that are still to be listed."""

    prefix: str
    after: str = ""
    before: str = ""  # '': to the end


class Round:
    """How far a scanner has come; alerts and failed frames are never listed."""

    def __init__(self, bucket: Bucket, rules: KeyRules) -> None:
        self._bucket = bucket
        self._rules = rules
        self._left: deque[_Stretch] = deque()
        self._start = ""  # a camera's folder; '': not chosen yet
        self.first = True  # no round has ended yet
        self.long = True  # a round takes several scans

    @property
    def under_way(self) -> bool:
        """Whether the round has begun and not ended."""
        return bool(self._left)

    def begin(self) -> list[Picture]:
        """Begin a new round; returns at once the pictures that are beside excluded folders."""
        pictures, folders = self._open(self._rules.base_path)
        if self.long and folders and not self._start:
            self._start = self._any_camera(folders)
        self._left = deque(_turned(folders, self._start if self.long else ""))
        self.first = self.first and self.under_way
        return pictures

    def next_page(self) -> list[Picture]:
        """The next pictures of the round; empty when a page has no pictures."""
        stretch = self._left[0]
        page = read_page(self._bucket, stretch.prefix, stretch.after)
        pictures, last = page.pictures, page.last
        if stretch.before and (last or stretch.before) >= stretch.before:
            pictures = [picture for picture in pictures if picture.key < stretch.before]
            last = None
        if last is None:
            self._left.popleft()
            self.first = self.first and bool(self._left)
        else:
            stretch.after = last
        return pictures

    def _open(self, prefix: str) -> tuple[list[Picture], list[str]]:
        """Pictures, and ordered folders that can each be listed with everything below them.

        Goes folder by folder only where an excluded folder is below; a listing covers the rest.
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
        """The folder of a random camera: a whole folder keeps each camera's pictures in order."""
        place = random.choice(folders)  # noqa: S311 - no secret
        while place.count("/") < self._rules.base_path.count("/") + 2:
            _, below = read_folder(self._bucket, place)
            if not below:
                break
            place = random.choice(below)  # noqa: S311
        return place


def _turned(folders: list[str], start: str) -> list[_Stretch]:
    """All folders from the folder `start` on; the folders before `start` come last."""
    parts = [_Stretch(folder) for folder in folders]
    at = next((n for n, name in enumerate(folders) if name > start or start.startswith(name)), 0)
    turned = parts[at:] + parts[:at]
    if turned and start.startswith(turned[0].prefix) and start != turned[0].prefix:
        turned.append(_Stretch(turned[0].prefix, before=start))
        turned[0].after = start
    return turned
