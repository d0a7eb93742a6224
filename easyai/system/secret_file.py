"""Secrets that are made once and kept in the data folder, for its owner only."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def load_or_create(path: Path) -> bytes:
    """The secret in a file, made by the first process that asks for it.

    Raises OSError when it can be neither read nor made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = _read(path)
    if secret is None:
        with _alone(path.with_suffix(".lock")):
            # Another process may have been faster; an empty file was torn by a power loss.
            secret = _read(path) or _create(path)
    return secret


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes().strip() or None
    except FileNotFoundError:
        return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with open(path, "ab", opener=_for_owner) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        yield


def _create(path: Path) -> bytes:
    # Written aside and renamed: another process sees the whole secret or none.
    secret = secrets.token_hex(32).encode()
    draft = path.with_suffix(".draft")
    with open(draft, "wb", opener=_for_owner) as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return secret


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
