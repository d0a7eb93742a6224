"""Reads the picture of an alert or a frame, wherever it lies now."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

from easyai.dashboard.decoding import BrokenPictureError
from easyai.db import pictures
from easyai.errors import InvalidKeyError, PictureNotFoundError, StoreUnavailableError
from easyai.pipeline.links import open_picture
from easyai.runtime import Runtime
from easyai.store.frame_store import PictureFiles

LARGEST_PICTURE: Final = 32_000_000  # bytes
_TOO_LARGE: Final = "the picture is too large to be shown"


def of_alert(runtime: Runtime, image_path: str) -> bytes:
    """The picture of an alert. Raises PictureNotFoundError and StoreUnavailableError."""
    if not image_path:
        raise PictureNotFoundError
    if (files := local_files(runtime)) is not None:
        with open_picture(runtime, files, image_path) as file:
            return _read(file)
    content = _get(runtime, image_path)
    if content is None:
        with runtime.db.read() as conn:
            frame = pictures.on_its_way(conn, image_path)
        content = _get(runtime, frame.image_path or frame.key) if frame else None
    if content is None:
        raise PictureNotFoundError
    return content


def of_frame(runtime: Runtime, frame: Any) -> bytes:
    """The picture of a frame (a row of `db.frames`): at its key, held, or moved.

    Raises PictureNotFoundError and StoreUnavailableError.
    """
    if frame.image_path == "":
        raise PictureNotFoundError
    if (files := local_files(runtime)) is None:
        content = _get(runtime, frame.image_path or frame.key)
        if content is None:
            raise PictureNotFoundError
        return content
    try:
        with opened(files, frame) as file:
            return _read(file)
    except InvalidKeyError:
        raise PictureNotFoundError from None


def opened(files: PictureFiles, frame: Any) -> BinaryIO:
    """Open the picture of a frame in a folder. Raises PictureNotFoundError."""
    if frame.image_path:
        return files.open(frame.image_path)
    try:
        return files.open_version(frame.key, frame.id, frame.version)
    except PictureNotFoundError:
        if not frame.image_target:
            raise
        return files.open(frame.image_target)  # moved, and not recorded yet


def local_files(runtime: Runtime) -> PictureFiles | None:
    """The store, if its pictures are files here."""
    return runtime.part(_files)


def _files(runtime: Runtime) -> PictureFiles | None:
    return runtime.store if isinstance(runtime.store, PictureFiles) else None


def _get(runtime: Runtime, key: str) -> bytes | None:
    try:
        found = runtime.store.read(key, LARGEST_PICTURE)
    except InvalidKeyError:
        return None
    except StoreUnavailableError as error:
        if error.reason.code == "store.too_large":
            raise BrokenPictureError(_TOO_LARGE) from None
        raise
    return None if found is None else found[1]


def _read(file: BinaryIO) -> bytes:
    content = file.read(LARGEST_PICTURE + 1)
    if len(content) > LARGEST_PICTURE:
        raise BrokenPictureError(_TOO_LARGE)
    return content
