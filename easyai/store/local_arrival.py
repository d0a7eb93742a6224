"""Writes a picture that was sent to this server into a local folder, as a camera would."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from easyai.errors import InvalidKeyError, PictureExistsError, StorageFullError
from easyai.store.keys import SENT_DRAFT, split_key
from easyai.store.local_folder import GONE, unavailable
from easyai.store.renames import rename_noreplace

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_FLUSH: Final = (errno.EINVAL, errno.EOPNOTSUPP)  # file systems that flush no folders
_IN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def write_picture(root: Path, key: str, content: bytes) -> bool:
    """Write a picture under a key, whole or not at all; false where the key has the same picture.

    The picture and its name survive a power loss from the return on. Makes the folders on the way
    and follows no symbolic link. Raises InvalidKeyError for a key that leaves the folder,
    PictureExistsError, StorageFullError and StoreUnavailableError.
    """
    parts = split_key(key)
    try:
        folder = _open_folder(root, parts[:-1])
        try:
            is_new = _write(f"/proc/self/fd/{folder}", parts[-1], content)
            _flush(folder)  # also of a picture whose sender got no answer before
            return is_new
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        if error.errno in GONE or isinstance(error, FileExistsError | NotADirectoryError):
            raise InvalidKeyError from error
        raise unavailable(root, error) from error


def _open_folder(root: Path, parts: list[str]) -> int:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for part in parts:
        try:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
                _flush(folder)
            below = os.open(part, _IN_FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


def _flush(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise


def _write(folder: str, name: str, content: bytes) -> bool:
    draft = f"{folder}/{SENT_DRAFT}{secrets.token_hex(6)}"
    try:
        with open(draft, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        rename_noreplace(draft, f"{folder}/{name}")
    except FileExistsError:
        if _has(f"{folder}/{name}", content):
            return False
        raise PictureExistsError from None
    finally:
        with suppress(OSError):  # it was renamed
            os.unlink(draft)
    return True


def _has(path: str, content: bytes) -> bool:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(len(content) + 1) == content
    except OSError:
        return False
