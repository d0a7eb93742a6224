"""Listings of a bucket: a page of keys after a key, and the content of a folder.

No listing stays open: the request for a page starts after the last key of the previous page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from minio.datatypes import Object

from easyai.domain.frame import is_picture
from easyai.store.bucket import Bucket
from easyai.store.bucket_objects import picture_of
from easyai.store.frame_store import Picture

PAGE = 1000  # objects, the most that S3 lists in a response


@dataclass(frozen=True, slots=True)
class Page:
    """Some pictures, in the order of their keys."""

    pictures: list[Picture]
    last: str | None  # the next page starts after this key; None: there is no next page


def read_page(bucket: Bucket, prefix: str, after: str = "") -> Page:
    """The first page of keys after `after` that begin with a prefix, in all folders below it."""
    with bucket.asking() as client:
        listing = client.list_objects(
            bucket.name, prefix or None, recursive=True, start_after=after or None
        )
        objects = list(islice(listing, PAGE))
    last = objects[-1].object_name if len(objects) == PAGE else None
    return Page(_pictures(objects), last)


def read_folder(bucket: Bucket, prefix: str) -> tuple[list[Picture], list[str]]:
    """The pictures and folders in a folder, without hidden folders, such as our own."""
    with bucket.asking() as client:
        objects = list(client.list_objects(bucket.name, prefix or None, recursive=False))
    folders = [entry.object_name or "" for entry in objects if entry.is_dir]
    shown = [entry for entry in folders if not entry.removeprefix(prefix).startswith(".")]
    return _pictures(objects), [folder for folder in shown if folder != prefix]


def _pictures(found: Iterable[Object]) -> list[Picture]:
    named = ((entry.object_name or "", entry) for entry in found)
    pictures = [picture_of(key, entry) for key, entry in named if is_picture(key)]
    return [picture for picture in pictures if picture is not None]
