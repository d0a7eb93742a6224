"""Listings of a bucket: a page of keys after a key, and the content of a folder.

No listing stays open: the request for a page starts after the last key of the previous page.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from easyai.domain.frame import is_picture
from easyai.s3.xml_answers import Listed
from easyai.store.bucket import Bucket
from easyai.store.frame_store import Picture

PAGE = 1000  # objects


@dataclass(frozen=True, slots=True)
class Page:
    """Some pictures, in the order of their keys."""

    pictures: list[Picture]
    last: str | None  # the next page starts after this key; None: there is no next page


def read_page(bucket: Bucket, prefix: str, after: str = "") -> Page:
    """The first page of keys after `after` that begin with a prefix, in all folders below it."""
    objects: list[Listed] = []
    with bucket.asking() as client:
        for page in client.pages(prefix, after):  # some servers list fewer at once
            objects += page.objects
            if len(objects) >= PAGE:
                break
    objects = objects[:PAGE]
    last = objects[-1].key if len(objects) == PAGE else None
    return Page(_pictures(objects), last)


def read_folder(bucket: Bucket, prefix: str) -> tuple[list[Picture], list[str]]:
    """The pictures and folders in a folder, without hidden folders, such as our own."""
    pictures: list[Picture] = []
    folders: list[str] = []
    with bucket.asking() as client:
        for page in client.pages(prefix, folders=True):
            pictures += _pictures(page.objects)
            folders += page.folders
    return pictures, [name for name in folders if not name.removeprefix(prefix).startswith(".")]


def _pictures(found: Iterable[Listed]) -> list[Picture]:
    now = time.time()
    return [
        Picture(entry.key, entry.etag, now if entry.modified_at is None else entry.modified_at)
        for entry in found
        if entry.size and is_picture(entry.key)
    ]
