"""A bucket that is only listed, on a clock that only its requests and the test move."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import pytest

from easyai.errors import StoreUnavailableError
from easyai.s3.xml_answers import Listed, ListingPage
from easyai.store import bucket_ends, bucket_pages, bucket_watch

PAGE: Final = 10
_EMPTY_SEC: Final = 0.003  # of an empty page; a full page takes `page_sec`


class Clock:
    """Stands in for the module `time` of the watch."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self.now


@dataclass
class ListedBucket:
    """Stands in for easyai.store.bucket.Bucket and for its client."""

    clock: Clock
    keys: list[str]
    page_sec: float = 0.1
    name: str = "frames"
    fails: bool = False
    requests: list[str] = field(default_factory=list)  # the prefixes asked for

    def __post_init__(self) -> None:
        self.keys.sort()

    @contextmanager
    def asking(self) -> Iterator[ListedBucket]:
        """Itself."""
        yield self

    def put(self, key: str) -> None:
        """Write as a camera does."""
        insort(self.keys, key)

    def pages(
        self, prefix: str, after: str = "", *, folders: bool = False
    ) -> Iterator[ListingPage]:
        """Page by page, folders once each."""
        while True:
            page = self._page(prefix, after, recursive=not folders)
            self.requests.append(prefix)
            if self.fails:
                raise StoreUnavailableError("the store does not answer")
            self.clock.now += _EMPTY_SEC + (self.page_sec - _EMPTY_SEC) * len(page) / PAGE
            yield ListingPage(
                [Listed(key, "e", 1, None) for key in page if not key.endswith("/")],
                [key for key in page if key.endswith("/")],
            )
            if len(page) < PAGE:
                return
            after = page[-1].removesuffix("/") + ("0" if page[-1].endswith("/") else "")

    def _page(self, prefix: str, after: str, *, recursive: bool) -> list[str]:
        page: list[str] = []
        for key in islice(self.keys, bisect_right(self.keys, max(after, prefix)), None):
            if not key.startswith(prefix) or len(page) == PAGE:
                break
            folder, slash, _ = key[len(prefix) :].partition("/")
            shown = key if recursive or not slash else f"{prefix}{folder}/"
            if shown not in page[-1:]:
                page.append(shown)
        return page


def put_clock_below(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every watch of the test, whose pages are short."""
    clock = Clock()
    for module in (bucket_watch, bucket_ends):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(bucket_pages, "PAGE", PAGE)
    return clock
