"""Makes a backup while everything runs: a snapshot of the rows, then the pictures they name.

A picture that is deleted or moved after the snapshot is looked for again (`wanted.py`). The backup
records an alert that was deleted meanwhile, and `restore` leaves the alert out: so no alert of a
backup lacks its picture.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, NamedTuple

from easyai.backup.archive import Writer
from easyai.backup.copied_rows import write_rows
from easyai.backup.progress_lines import Progress
from easyai.backup.wanted import Fate, Finder, Role, Wanted
from easyai.db.session import Database
from easyai.domain.frame import ALGO_CONFIG_NAME
from easyai.domain.reason import NO_REASON, Reason, quote
from easyai.errors import BackupError, InvalidKeyError, PictureNotFoundError, StoreUnavailableError
from easyai.runtime import Runtime
from easyai.settings.file import config_path
from easyai.store.frame_store import PictureFiles
from easyai.store.local_folder import version_of

SETTINGS: Final = "settings.toml"
KEYS: Final = "data/"  # prefix of the files of the data folder
PICTURES: Final = "pictures/"  # prefix of the keys of the store
#: Files of the data folder that a backup keeps, besides the database; other files are made anew.
KEPT: Final = ("secret.key", "operator.token", "viewer.token")


@dataclass(slots=True)
class Report:
    """The content of a backup."""

    path: str = ""
    size_bytes: int = 0
    created: str = ""  # ISO 8601, UTC: the moment of its rows
    rows: dict[str, int] = field(default_factory=dict)  # by table
    # None: pictures were left out, or are in a bucket
    pictures: dict[str, int] | None = None
    pictures_bytes: int = 0
    lost: int = 0  # pictures that rows name and that do not exist
    unreadable: int = 0  # files that exist but could not be read: no permission, a bad sector
    unreadable_example: Reason = NO_REASON  # the first unreadable file, and the error
    settings: bool = False  # whether there is a settings file


def back_up(
    runtime: Runtime, target: Path, *, pictures: bool = True, progress: Progress | None = None
) -> Report:
    """Back up into a file, or into a folder under a generated file name.

    Raises BackupError, and then leaves no file.
    """
    progress = progress or Progress()
    path = target / _name() if target.is_dir() else target
    local = runtime.store if isinstance(runtime.store, PictureFiles) and pictures else None
    writer = Writer(path)
    try:
        with tempfile.TemporaryFile(dir=path.parent) as wanted:
            manifest = write_rows(runtime.db, writer, wanted, progress)
            report = Report(str(path), 0, manifest["created"], manifest["rows"])
            report.settings = _write_settings(runtime, writer)
            deleted: list[int] = []
            if local is not None:
                deleted = _Pictures(runtime.db, local, writer, report, progress).write(wanted)
        writer.finish({**manifest, **_of_store(runtime, report), "alerts_deleted": deleted})
    except (OSError, sqlite3.Error) as error:
        not_made = Reason.of("backup.not_made", path=str(path), error=str(error))
        raise BackupError(not_made) from error
    finally:
        writer.abandon()
    report.size_bytes = path.stat().st_size
    return report


def _name() -> str:
    return f"easyai-{socket.gethostname()}-{time.strftime('%Y%m%d-%H%M%S')}.tar"


def _of_store(runtime: Runtime, report: Report) -> dict[str, Any]:
    analysis = runtime.settings.ai_analysis
    return {
        "store": runtime.settings.frame_extractor.store,
        "alert_base_path": analysis.alert_base_path,
        "failed_base_path": analysis.failed_base_path,
        "pictures": report.pictures,
        "pictures_bytes": report.pictures_bytes,
    }


def _write_settings(runtime: Runtime, writer: Writer) -> bool:
    """Add the settings file and the keys of the data folder; whether a settings file exists."""
    data_dir = runtime.settings.easyai.data_dir
    for name in KEPT:
        if (data_dir / name).is_file():
            _add(writer, f"{KEYS}{name}", (data_dir / name).read_bytes())
    path = config_path()
    if path is None:
        return False
    _add(writer, SETTINGS, path.read_bytes())
    return True


class _Picture(NamedTuple):
    content: bytes
    version: str


class _Pictures:
    """Copies the pictures of a local folder into an archive."""

    def __init__(
        self, db: Database, store: PictureFiles, writer: Writer, report: Report, progress: Progress
    ) -> None:
        self._finder = Finder(db, store)
        self._store, self._writer, self._progress = store, writer, progress
        self._report = report
        self._counts = dict.fromkeys(map(str, Role), 0)
        report.pictures = self._counts

    def write(self, wanted: IO[bytes]) -> list[int]:
        """Add the wanted pictures; returns the ids of alerts that were deleted meanwhile."""
        self._progress.begin("pictures")
        deleted = []
        wanted.seek(0)
        for line in wanted:
            values = json.loads(line)
            picture = Wanted(**values | {"role": Role(values["role"])})
            content = self._read(picture.key, partial(self._finder.open, picture))
            if isinstance(content, _Picture):
                self._put(picture.role, picture.key, content)
            elif content is Fate.ROW_DELETED:
                deleted.append(picture.alert_id)
            elif content is Fate.LOST:
                self._report.lost += 1
        self._write_configs()
        return deleted

    def _write_configs(self) -> None:
        for folder in self._store.root.glob("*"):
            try:
                paths = list(folder.glob(f"*/{ALGO_CONFIG_NAME}"))
            except OSError as error:
                self._note_unreadable(folder.name, error)
                continue
            for path in paths:
                self._write_config(path.relative_to(self._store.root).as_posix())

    def _write_config(self, key: str) -> None:
        with suppress(PictureNotFoundError, InvalidKeyError):
            picture = self._read(key, partial(self._store.open, key))
            if isinstance(picture, _Picture):
                self._put(Role.CONFIG, key, picture)

    def _read(self, key: str, opener: Callable[[], BinaryIO | Fate]) -> _Picture | Fate:
        """Read the whole picture first: the archive stays valid when the file is cut meanwhile."""
        try:
            opened = opener()
            if isinstance(opened, Fate):
                return opened
            with opened as file:
                return _Picture(file.read(), version_of(os.fstat(file.fileno())))
        except (OSError, StoreUnavailableError) as error:
            self._note_unreadable(key, error)
            return Fate.UNREADABLE

    def _note_unreadable(self, key: str, error: Exception) -> None:
        """Count an unreadable file: it must not prevent the backup of everything else.

        Raises StoreUnavailableError when the frame folder itself cannot be read.
        """
        self._store.require_readable()
        self._report.unreadable += 1
        first = Reason.of("backup.unreadable", path=quote(key), error=quote(str(error)))
        self._report.unreadable_example = self._report.unreadable_example or first

    def _put(self, role: Role, key: str, picture: _Picture) -> None:
        _add(
            self._writer,
            f"{PICTURES}{key}",
            picture.content,
            role=str(role),
            modified_ns=picture.version.partition("-")[0],
        )
        self._counts[role] += 1
        self._report.pictures_bytes += len(picture.content)
        self._progress.add(len(picture.content))


def _add(writer: Writer, name: str, content: bytes, **notes: str) -> None:
    writer.add(name, io.BytesIO(content), len(content), **notes)
