"""The memory of a scanner of a bucket: how far its listing has come, and the listed pictures.

An object store shows whole objects only, but its listings may be some seconds old. An empty object
is no picture yet, like an empty file.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from functools import partial
from typing import Final

from easyai.domain.frame import KeyRules
from easyai.store.bucket import Bucket
from easyai.store.bucket_ends import Ends
from easyai.store.bucket_objects import check_key, picture_of, stat_object
from easyai.store.bucket_round import Round
from easyai.store.frame_store import Listing, Picture, always
from easyai.system.side_by_side import SideBySide

_TRUST_LISTING_SEC: Final = 5.0
# For so long the listings may still show objects that left the bucket before this process started
# to watch it.
_NEWCOMER_SEC: Final = 60.0
_REQUESTS: Final = 16  # at once


class BucketWatch:
    """The memory of a scanner; not safe between threads."""

    unfinished: Collection[str] = ()

    def __init__(self, bucket: Bucket, rules: KeyRules) -> None:
        self._bucket = bucket
        self._requests = SideBySide(_REQUESTS)
        self._since = -math.inf  # monotonic: since when it lists without a long pause
        self._round = Round(bucket, rules)
        self._ends = Ends(bucket, rules)
        self._listed_at = -math.inf  # monotonic time of the last page
        self._listed: dict[str, tuple[float, Picture]] = {}  # with the monotonic time of the page

    @property
    def cut(self) -> bool:
        """Whether the last listings ended before everything had been listed."""
        return self._round.under_way

    def listings(self, until: float, wants_more: Callable[[], bool] = always) -> Iterator[Listing]:
        """Pages of up to 1000 pictures, after the pictures of the last page.

        While a round takes several scans, or unless the caller `wants_more`, the ends of the
        cameras' folders come first, for half of the time.
        """
        self._begin()
        if not wants_more() or (
            self._round.long and (self._round.under_way or not self._round.first)
        ):
            now = time.monotonic()
            for page in self._ends.pages(now + (until - now) / 2):
                full = page.last is not None  # the round lists the rest of this folder, too
                if not full or wants_more():
                    yield from self._listing(page.pictures, first=full)
        if wants_more():
            yield from self._go_round(until, wants_more)

    def again(self, keys: Sequence[str]) -> None:
        """Do nothing: each round lists every object."""

    def whole_pictures(
        self, keys: Sequence[str], stable_sec: float, wary: Container[str]
    ) -> list[Picture]:
        """The pictures; makes no request for keys that were just listed and are not in `wary`."""
        now = time.monotonic()
        pictures, asked = [], []
        for key in keys:
            check_key(key)
            listed_at, picture = self._listed.pop(key, (-math.inf, None))
            if picture is None or key in wary or now - listed_at > _TRUST_LISTING_SEC:
                asked.append(key)
            else:
                pictures.append(picture)
        return pictures + self._ask(asked)

    def _ask(self, keys: Sequence[str]) -> list[Picture]:
        objects = self._requests.map(partial(stat_object, self._bucket), keys)
        pictures = map(picture_of, keys, objects)
        return [picture for picture in pictures if picture is not None]

    def _begin(self) -> None:
        now = time.monotonic()
        if now - self._listed_at > _NEWCOMER_SEC:
            self._since = now
        self._listed = {
            key: listed
            for key, listed in self._listed.items()
            if now - listed[0] < _TRUST_LISTING_SEC
        }

    def _go_round(self, until: float, wants_more: Callable[[], bool]) -> Iterator[Listing]:
        begins = not self._round.under_way
        if begins:
            first = self._round.first
            yield from self._listing(self._round.begin(), first=first)
        while self._round.under_way:
            first = self._round.first
            pictures = self._round.next_page()
            if self._round.long:
                self._ends.note(pictures)
            yield from self._listing(pictures, first=first)
            if time.monotonic() >= until or not wants_more():
                break
        self._round.long = self._round.under_way or not begins
        if not self._round.long:
            self._ends.forget()

    def _listing(self, pictures: Sequence[Picture], *, first: bool) -> Iterator[Listing]:
        """A listing of the pictures of a page; nothing when the page is empty."""
        self._listed_at = now = time.monotonic()
        self._listed.update((picture.key, (now, picture)) for picture in pictures)
        if pictures:
            newcomer = now - self._since < _NEWCOMER_SEC
            yield Listing([picture.key for picture in pictures], first or newcomer)
