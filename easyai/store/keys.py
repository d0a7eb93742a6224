"""Keys: paths below the store with '/' between their parts, the same in every store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from easyai.errors import InvalidKeyError

LONGEST_KEY: Final = 1024  # bytes of UTF-8, the limit of S3; PostgreSQL's indexes take 2,700

_LONGEST_NAME: Final = 255  # bytes of a file name
_HELD: Final = ".easyai-"
SENT_DRAFT: Final = f"{_HELD}sent-"  # begins the name of a sent picture while it is written
_NO_PART: Final = frozenset({"", ".", ".."})
_HELD_NAME: Final = re.compile(r"\.easyai-(\d{1,19})-([0-9a-f]{8})-(.+)", re.DOTALL)


def split_key(key: str) -> list[str]:
    """The parts of a key.

    Raises InvalidKeyError for a key that leaves the store, has an empty part or is not text.
    """
    parts = key.split("/")
    if "\0" in key or not _NO_PART.isdisjoint(parts) or not is_text(key):
        raise InvalidKeyError
    return parts


def is_text(key: str) -> bool:
    """Whether a key can be written as UTF-8; a file name read from a disk may not be."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_possible(key: str) -> bool:
    """Whether an object or a file of the store can have this key."""
    try:
        return bool(split_key(key)) and len(key.encode()) <= LONGEST_KEY
    except InvalidKeyError:
        return False


def draft_name(name: str) -> str:
    """The name of a picture while it is copied to another disk; the same for every attempt."""
    return f"{_HELD}copy-{blake2b(name.encode(), digest_size=8).hexdigest()}"


def held_key(key: str, frame_id: int, version: str) -> str:
    """The private name of a frame's picture, in the folder of its key.

    The name is hidden, so that no scan takes the picture for a frame. It is unique to the frame and
    version, so that the row is enough to find the picture. A name that is too long for a file loses
    the end of its stem.
    """
    folder, slash, name = key.rpartition("/")
    start = f"{_HELD}{frame_id}-{version_tag(version)}-"
    most = _LONGEST_NAME - len(start)
    if len(name.encode()) > most:
        stem, dot, suffix = name.rpartition(".")
        most -= len(f"{dot}{suffix}".encode())
        name = stem.encode()[: max(0, most)].decode("utf-8", "ignore") + dot + suffix
    return f"{folder}{slash}{start}{name}"


def version_tag(version: str) -> str:
    """A digest of a version in eight characters, for private names."""
    return blake2b(version.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class HeldName:
    """The parts of a picture's private name."""

    frame_id: int
    version_tag: str
    name: str  # the picture's own name, without the end of its stem if it was too long


def held_name(name: str) -> HeldName | None:
    """The parts of a file name that is the private name of a picture, else None."""
    match = _HELD_NAME.fullmatch(name)
    return HeldName(int(match[1]), match[2], match[3]) if match else None
