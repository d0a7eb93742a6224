"""The folder of thumbnails: a cache of bounded size, which several processes may share."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

FOLDER: Final = "thumbnails"  # in the data folder
MOST_BYTES: Final = 200_000_000
_KEPT_SHARE: Final = 0.8  # after the oldest files were deleted
_FOLDERS: Final = 256
_IN_ROW: Final = 256  # consecutive ids in a folder


class PreviewFiles:
    """Files by name: a letter and an id, the subject, then "x" and letters and digits of ASCII."""

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

    def remove(self, subjects: Iterable[str]) -> None:
        """Delete the files of alerts ("a17") and frames ("f93"); most of them have no file.

        The subjects of a deletion have near ids, so their files are in few folders.
        """
        by_folder: dict[int, set[str]] = {}
        for subject in subjects:
            by_folder.setdefault(_folder(subject), set()).add(subject)
        for number, wanted in by_folder.items():
            try:
                for path in (self._folder / f"{number:02x}").iterdir():
                    if _subject(path.name) in wanted:
                        path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # no thumbnail has been made
            except OSError as error:
                self._throttle.warning(log, "thumbnails cannot be deleted: %s", error)

    def _path(self, name: str) -> Path:
        if not (name.isascii() and name.isalnum()):
            raise ValueError(f"no name of a thumbnail: {name!r}")
        return self._folder / f"{_folder(_subject(name)):02x}" / f"{name}.jpg"

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


def alert_name(row: Any) -> str:
    """The name of an alert's thumbnail: a new database in the same folder uses its id again."""
    return f"a{row.id}x{_mark(row.frame_id, row.created_at)}"


def frame_name(row: Any) -> str:
    """The name of a frame's thumbnail; SQLite may use the id of a deleted frame again."""
    return f"f{row.id}x{_mark(row.key, row.version)}"


def subjects(rows: Iterable[Any]) -> Iterator[str]:
    """The subjects of thumbnails of alerts: the alerts and their frames."""
    for row in rows:
        yield f"a{row.id}"
        if row.frame_id is not None:
            yield f"f{row.frame_id}"


def _subject(name: str) -> str:
    return name.partition("x")[0]


def _folder(subject: str) -> int:
    return int(subject[1:]) // _IN_ROW % _FOLDERS


def _mark(*values: Any) -> str:
    return hashlib.blake2s(repr(values).encode("utf-8", "replace"), digest_size=6).hexdigest()
