"""The folder of thumbnails: a cache of bounded size, which several processes may share."""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

MOST_BYTES: Final = 200_000_000
_KEPT_SHARE: Final = 0.8  # after the oldest files were deleted
_FOLDERS: Final = 256


class PreviewFiles:
    """Files by name; a name consists of ASCII letters and digits only."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None  # None: the folder was not counted yet
        self._throttle = LogThrottle()

    def open(self, name: str) -> BinaryIO | None:
        """Open a file; None when it is not there."""
        try:
            return self._path(name).open("rb")
        except OSError:
            return None

    def put(self, name: str, content: bytes) -> None:
        """Write a file; a folder that takes no file is logged, and nothing is kept."""
        path = self._path(name)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            self._throttle.warning(log, "thumbnails cannot be kept: %s: %s", self._folder, error)
            return
        self._count(len(content))

    def _path(self, name: str) -> Path:
        if not (name.isascii() and name.isalnum()):
            raise ValueError(f"no name of a thumbnail: {name!r}")
        number = int("".join(filter(str.isdigit, name)) or 0)
        return self._folder / f"{number % _FOLDERS:02x}" / f"{name}.jpg"

    def _count(self, added: int) -> None:
        with self._lock:
            if self._bytes is not None:
                self._bytes += added
                if self._bytes <= self._most_bytes:
                    return
            self._bytes = self._trim()

    def _trim(self) -> int:
        """Delete the oldest files if there are too many bytes; returns the bytes that are left.

        Counts anew: another process may write to the folder, too.
        """
        files = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
        left = sum(size for _, size, _ in files)
        if left <= self._most_bytes:
            return left
        for _, size, path in sorted(files):
            if left <= self._most_bytes * _KEPT_SHARE:
                break
            with suppress(OSError):
                path.unlink()
                left -= size
        return left
