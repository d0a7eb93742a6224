"""What a link to a picture of a local folder leads to."""

from __future__ import annotations

from typing import BinaryIO

from easyai.db import pictures
from easyai.errors import PictureNotFoundError
from easyai.runtime import Runtime
from easyai.store.local import LocalStore


def open_picture(runtime: Runtime, store: LocalStore, key: str) -> BinaryIO:
    """Open the file under a key; the picture of an alert also where it waits to be moved from.

    An alert names the place its picture goes to. A folder that is read-only, or has no inode left
    for another folder, keeps it where it was, and links are read all the same. Raises
    PictureNotFoundError, StoreUnavailableError, DatabaseUnavailableError.
    """
    try:
        return store.open(key)
    except PictureNotFoundError:
        with runtime.db.read() as conn:
            frame = pictures.on_its_way(conn, key)
        if frame is None:
            raise
    try:
        if frame.image_path:  # put there by a move of ours, which may have changed its times
            return store.open(frame.image_path)
        return store.open_version(frame.key, frame.id, frame.version)
    except PictureNotFoundError:
        return store.open(key)  # moved since we looked
