"""Keys: paths below the store with '/' between their parts, the same in every store."""

from __future__ import annotations

from typing import Final

from easyai.domain.frame import is_picture
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


def leftover_name(name: str) -> str:
    """What a picture is called while it is copied: hidden, so that no scan takes it for a frame."""
    return f".{name}.part"


def is_leftover(key: str) -> bool:
    """Whether a key is that of a picture being copied; one of yesterday was left by a crash."""
    name = key.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".part") and is_picture(name[1 : -len(".part")])
