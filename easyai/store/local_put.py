"""Puts a picture of a backup back into a local folder, with its content and time."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from easyai.domain.reason import Reason, quote
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.store.frame_store import Carried
from easyai.store.keys import split_key
from easyai.store.local_folder import version_of
from easyai.store.renames import rename_noreplace


def put_back(root: Path, key: str, content: bytes, modified_ns: int) -> Carried:
    """Write a file under a key unless the key exists; TAKEN when the key has another file.

    Makes the folders on the way. Raises InvalidKeyError when a folder on the way is a symbolic link
    or the key leaves the folder, StoreUnavailableError when the file cannot be written.
    """
    parts = split_key(key)
    try:
        folder = _folder(root, parts[:-1])
        path = f"{folder}/{parts[-1]}"
        if os.path.lexists(path):
            return _compare(path, f"{modified_ns}-{len(content)}")
        draft = f"{folder}/.easyai-restored-{secrets.token_hex(6)}"
        try:
            _write(draft, content, modified_ns)
            rename_noreplace(draft, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft)
    except FileExistsError:
        return Carried.TAKEN
    except OSError as error:
        why = quote(str(error.strerror))
        raise StoreUnavailableError(
            Reason.of("store.file", folder=str(root), why=why, key=key)
        ) from error
    return Carried.DONE


def _folder(root: Path, parts: list[str]) -> str:
    path = str(root)
    os.makedirs(path, exist_ok=True)
    for part in parts:
        path = f"{path}/{part}"
        with suppress(FileExistsError):
            os.mkdir(path)
        if os.path.islink(path):
            raise InvalidKeyError(Reason.of("store.symbolic_link", path=path))
    return path


def _compare(path: str, version: str) -> Carried:
    return Carried.DONE if version_of(os.lstat(path)) == version else Carried.TAKEN


def _write(path: str, content: bytes, modified_ns: int) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.utime(file.fileno(), ns=(modified_ns, modified_ns))
        os.fsync(file.fileno())
