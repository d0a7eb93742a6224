"""What one scanner remembers of a bucket: how far its listing has come, and what it showed.

An object store shows whole objects only, but its listings may be some seconds old.
"""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from minio import Minio as Client

from easyai.domain.frame import KeyRules, is_picture
from easyai.store.base import Listing, Picture
from easyai.store.bucket import Bucket
from easyai.store.bucket_objects import check_key, picture_of, stat_object

_PAGE: Final = 1000
_TRUST_LISTING_SEC: Final = 5.0
# What left the bucket before this process watched it may come back in its listings for so long.
_NEWCOMER_SEC: Final = 60.0
_REQUESTS: Final = 16  # at once


class BucketWatch:
    """The memory of one scanner; not safe between threads."""

    unfinished = 0

    def __init__(self, bucket: Bucket, rules: KeyRules) -> None:
        self._bucket = bucket
        self._rules = rules
        self._since = -math.inf  # monotonic: it has listed without a long pause since then
        self._pages: Iterator[list[Picture]] | None = None
        self._listed_at = -math.inf  # monotonic, of the last page
        self._listed: dict[str, tuple[float, Picture]] = {}  # with when (monotonic)

    @property
    def cut(self) -> bool:
        """Whether the last listings ended before everything had been listed."""
        return self._pages is not None

    def listings(self, until: float) -> Iterator[Listing]:
        """Pages of up to 1000 pictures; alerts and failed frames are never paged through."""
        now = time.monotonic()
        if now - self._listed_at > _NEWCOMER_SEC:
            self._since = now
        if now - self._listed_at > _TRUST_LISTING_SEC:
            self._pages = None  # what is left of it is old
        self._listed = {
            key: listed
            for key, listed in self._listed.items()
            if now - listed[0] < _TRUST_LISTING_SEC
        }
        while page := self._next_page():
            first = self._listed_at - self._since < _NEWCOMER_SEC
            yield Listing([picture.key for picture in page], first)
            if time.monotonic() >= until:
                return

    def again(self, keys: Sequence[str]) -> None:
        """Do nothing: every object comes with each round of listings."""

    def look(self, keys: Sequence[str], stable_sec: float, wary: Container[str]) -> list[Picture]:
        """The pictures; without a request for what was listed just now, if it is not in `wary`."""
        now = time.monotonic()
        found, asked = [], []
        for key in keys:
            check_key(key)
            listed_at, picture = self._listed.pop(key, (-math.inf, None))
            if picture is None or key in wary or now - listed_at > _TRUST_LISTING_SEC:
                asked.append(key)
            else:
                found.append(picture)
        return found + self._ask(asked)

    def _ask(self, keys: Sequence[str]) -> list[Picture]:
        if not keys:
            return []
        with ThreadPoolExecutor(min(_REQUESTS, len(keys)), "scan") as pool:
            objects = list(pool.map(lambda key: stat_object(self._bucket, key), keys))
        return [
            picture_of(key, there)
            for key, there in zip(keys, objects, strict=True)
            if there is not None
        ]

    def _next_page(self) -> list[Picture]:
        """The next page of the round that goes on, or of a new one; [] at its end."""
        pages, self._pages = self._pages or self._walk(), None
        page = next(pages, [])
        self._listed_at = time.monotonic()
        self._listed.update((picture.key, (self._listed_at, picture)) for picture in page)
        if page:
            self._pages = pages  # not after an error: its end is not the end of the bucket
        return page

    def _walk(self) -> Iterator[list[Picture]]:
        with self._bucket.asking() as client:
            pictures = self._pictures(client, self._rules.base_path)
            while page := list(islice(pictures, _PAGE)):
                yield page

    def _pictures(self, client: Client, prefix: str) -> Iterator[Picture]:
        if prefix.startswith(self._rules.excluded):
            return
        # Folder by folder only as far as one to leave out lies below; the rest is one listing.
        by_folder = any(folder.startswith(prefix) for folder in self._rules.excluded)
        name = self._bucket.name
        for found in client.list_objects(name, prefix or None, recursive=not by_folder):
            key = found.object_name or ""
            if is_picture(key):
                yield picture_of(key, found)
            elif by_folder and found.is_dir and key != prefix:
                yield from self._pictures(client, key)
