"""Listings of a bucket: a page behind a key, and what lies in one folder.

No listing is kept open: each page is asked for behind the last key of the one before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from minio.datatypes import Object

from easyai.domain.frame import is_picture
from easyai.store.base import Picture
from easyai.store.bucket import Bucket
from easyai.store.bucket_objects import picture_of

PAGE = 1000  # objects, as S3 lists them at once


@dataclass(frozen=True, slots=True)
class Page:
    """Some pictures, in the order of their keys."""

    pictures: list[Picture]
    last: str | None  # what follows comes behind this key; None: nothing follows


def read_page(bucket: Bucket, prefix: str, after: str = "") -> Page:
    """What begins with a prefix, in all folders below, behind a key."""
    with bucket.asking() as client:
        listing = client.list_objects(
            bucket.name, prefix or None, recursive=True, start_after=after or None
        )
        found = list(islice(listing, PAGE))
    last = found[-1].object_name if len(found) == PAGE else None
    return Page(_pictures(found), last)


def read_folder(bucket: Bucket, prefix: str) -> tuple[list[Picture], list[str]]:
    """The pictures and the folders in one folder, but for hidden ones, such as our own."""
    with bucket.asking() as client:
        found = list(client.list_objects(bucket.name, prefix or None, recursive=False))
    folders = [one.object_name or "" for one in found if one.is_dir]
    shown = [one for one in folders if not one.removeprefix(prefix).startswith(".")]
    return _pictures(found), [folder for folder in shown if folder != prefix]


def _pictures(found: Iterable[Object]) -> list[Picture]:
    named = ((one.object_name or "", one) for one in found)
    pictures = [picture_of(key, one) for key, one in named if is_picture(key)]
    return [picture for picture in pictures if picture is not None]
