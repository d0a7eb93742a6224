"""Listings of a bucket: a page behind a key, and what lies in one folder.

No listing is kept open: each page is asked for behind the last key of the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

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
    keys = [(one.object_name or "", one) for one in found]
    pictures = [picture_of(key, one) for key, one in keys if is_picture(key)]
    return Page(pictures, keys[-1][0] if len(keys) == PAGE else None)


def read_folder(bucket: Bucket, prefix: str) -> tuple[list[Picture], list[str]]:
    """The pictures and the folders in one folder."""
    pictures, folders = [], []
    with bucket.asking() as client:
        for found in client.list_objects(bucket.name, prefix or None, recursive=False):
            key = found.object_name or ""
            if found.is_dir:
                folders.append(key)
            elif is_picture(key):
                pictures.append(picture_of(key, found))
    return pictures, [folder for folder in folders if folder != prefix]
