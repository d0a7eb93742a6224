"""Keys: paths below the store with '/' between their parts, the same in every store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from easyai.errors import InvalidKeyError

LONGEST_KEY: Final = 1024  # bytes of UTF-8, as S3 has it; PostgreSQL's indexes take 2,700

_LONGEST_NAME: Final = 255  # bytes of a file name
_HELD: Final = ".easyai-"
_HELD_NAME: Final = re.compile(r"\.easyai-(\d{1,19})-([0-9a-f]{8})-(.+)", re.DOTALL)


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


def draft_name(name: str) -> str:
    """What a picture is called while it is copied to another disk; always the same."""
    return f"{_HELD}copy-{blake2b(name.encode(), digest_size=8).hexdigest()}"


def held_key(key: str, frame_id: int, version: str) -> str:
    """The private name of a frame's picture, in the folder of its key.

    Hidden, so that no scan takes it for a frame; of this frame and version alone, so that it is
    found again by the row. A name that would grow too long for a file loses the end of its stem.
    """
    folder, slash, name = key.rpartition("/")
    start = f"{_HELD}{frame_id}-{version_tag(version)}-"
    room = _LONGEST_NAME - len(start)
    if len(name.encode()) > room:
        stem, dot, suffix = name.rpartition(".")
        room -= len(f"{dot}{suffix}".encode())
        name = stem.encode()[: max(0, room)].decode("utf-8", "ignore") + dot + suffix
    return f"{folder}{slash}{start}{name}"


def version_tag(version: str) -> str:
    """A version in eight characters, as a private name holds it."""
    return blake2b(version.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class HeldName:
    """What the private name of a picture says."""

    frame_id: int
    version_tag: str
    name: str  # the picture's own, without the end of its stem where that was too long


def held_name(name: str) -> HeldName | None:
    """What a file name says when it is the private name of a picture, else None."""
    found = _HELD_NAME.fullmatch(name)
    return HeldName(int(found[1]), found[2], found[3]) if found else None
