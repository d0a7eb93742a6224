"""Opens the picture behind a link to our API."""

from __future__ import annotations

from typing import BinaryIO

from easyai.db import pictures
from easyai.errors import PictureNotFoundError
from easyai.runtime import Runtime
from easyai.store.frame_store import PictureFiles


def open_picture(runtime: Runtime, store: PictureFiles, key: str) -> BinaryIO:
    """Open the file under a key; an alert's picture also where it waits for its move.

    An alert names the target of its picture. If the folder is read-only, or has no inode left for
    another folder, the picture stays at its source, but its link must work all the same. Raises
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
        if frame.image_path:  # our own move put it there and may have changed its times
            return store.open(frame.image_path)
        return store.open_version(frame.key, frame.id, frame.version)
    except PictureNotFoundError:
        return store.open(key)  # moved since we looked
