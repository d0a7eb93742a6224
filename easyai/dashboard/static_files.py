"""The files that the browser gets, as they lie in the folder `static`: there is no build step.

A file is read again when it has changed, so an author of the page sees a change at once.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).with_name("static")

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
}
_WORTH: Final = 0.9  # a file that compression makes hardly smaller is sent as it is


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file for the browser."""

    media_type: str
    tag: str  # its weak entity tag: of the content, whatever the coding
    plain: bytes
    packed: bytes  # with gzip; b"": not worth it


class Shelf:
    """The files of a folder that were asked for; safe between threads."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], StaticFile]] = {}

    def take(self, name: str) -> StaticFile | None:
        """The file with a name below the folder, as it is now; None: there is none."""
        media_type = _TYPES.get(name[name.rfind(".") :])
        # Neither "..", nor a hidden file, nor another name of the same file, which is kept as well.
        if media_type is None or any(part in f"/{name}" for part in ("/.", "//", "\0", "\\")):
            return None
        path = self._folder / name
        try:
            found = path.stat()
            mark = found.st_mtime_ns, found.st_size
            kept = self._read.get(name)
            if kept is None or kept[0] != mark:
                kept = mark, _file(media_type, path.read_bytes())
                self._read[name] = kept
        except OSError:
            return None
        return kept[1]


def _file(media_type: str, plain: bytes) -> StaticFile:
    packed = gzip.compress(plain, mtime=0)
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    worth = len(packed) < _WORTH * len(plain)
    return StaticFile(media_type, tag, plain, packed if worth else b"")
