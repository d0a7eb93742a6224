"""Files with secrets, for their owner only."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def load_or_create(path: Path) -> bytes:
    """The secret in a file; the first process that asks for it makes the file.

    Raises OSError when the file can be neither read nor made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = _read(path)
    if secret is None:
        with _alone(path.with_suffix(".lock")):
            # Another process may have made it meanwhile; a power loss leaves an empty file.
            secret = _read(path) or _create(path)
    return secret


def replace(path: Path, content: bytes) -> None:
    """Write a file anew; a reader meanwhile sees the whole old content or the whole new content.

    For a single process at a time. Raises OSError when the file cannot be written; the old content
    then stays.
    """
    # The draft always has the same name, so that a killed process's draft is removed here.
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    try:
        with open(draft, "wb", opener=_for_owner) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes().strip() or None
    except FileNotFoundError:
        return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with open(path, "ab", opener=_for_owner) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held until the file is closed
        yield


def _create(path: Path) -> bytes:
    secret = secrets.token_hex(32).encode()
    replace(path, secret)
    return secret


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
