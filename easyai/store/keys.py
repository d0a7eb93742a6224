"""Keys: paths below the store with '/' between their parts, the same in every store."""

from __future__ import annotations

from typing import Final

from easyai.errors import InvalidKeyError

LONGEST_KEY: Final = 1024  # bytes of UTF-8, as S3 has it; PostgreSQL's indexes take 2,700


def split_key(key: str) -> list[str]:
    """The parts of a key.

    Raises InvalidKeyError for one that leaves the store, has an empty part or is not text.
    """
    parts = key.split("/")
    if "\0" in key or any(part in ("", ".", "..") for part in parts) or not is_text(key):
        raise InvalidKeyError
    return parts


def is_text(key: str) -> bool:
    """Whether a key can be written as UTF-8; a file name read from a disk may not be."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
