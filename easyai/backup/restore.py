"""Restores a backup: pictures first, the database last, so that an interrupted run changes no row.

Nothing is deleted: pictures from after the backup stay, and a replaced SQLite file is kept beside
the new file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, text

from easyai.backup import dumped_rows, restore_pictures, restore_rows
from easyai.backup.archive import Member, Reader
from easyai.backup.create import KEPT, KEYS, SETTINGS
from easyai.backup.progress_lines import Progress
from easyai.backup.restore_pictures import Placed
from easyai.backup.restore_rows import Loaded
from easyai.db import migrate
from easyai.db.guard import GUARD, QUEUE
from easyai.db.revision import is_of_newer_version, newest
from easyai.db.session import Database
from easyai.db.space import file_of
from easyai.domain.reason import Reason
from easyai.errors import BackupError, DatabaseDamagedError, DatabaseUnavailableError
from easyai.pipeline import ownership
from easyai.settings.schema import Settings
from easyai.store.local_folder import Folder
from easyai.store.renames import rename_noreplace
from easyai.system.modes import make_folder

_LOGS: Final = ("-wal", "-shm")


@dataclass(slots=True)
class Restored:
    """The result of a restoration."""

    rows: Loaded = field(default_factory=Loaded)
    pictures: Placed | None = None  # None: the backup has no pictures, or they are in a bucket
    kept_database: str = ""  # where the replaced SQLite file is now
    kept_keys: list[str] = field(default_factory=list)  # files of the data folder, left unchanged


def restore(
    archive: Reader,
    settings: Settings,
    *,
    replace: bool = False,
    next_alert_id: int = 0,
    progress: Progress | None = None,
) -> Restored:
    """Restore into the database, the data folder and the frame folder of the settings.

    No process of easyai may run there. Raises BackupError when the database has data and `replace`
    is false.
    """
    progress = progress or Progress()
    manifest = archive.manifest
    _check_version(manifest)
    _check_folders(manifest, settings)
    folder = _frame_folder(settings)
    same_store = _is_same_store(manifest, settings, folder)
    database = Database(settings.easyai.effective_database_url)
    restored = Restored()
    try:
        _check_empty(database, replace)
        _restore_keys(archive, settings.easyai.data_dir, restored)
        if folder is not None and manifest["pictures"] is not None:
            restored.pictures = restore_pictures.place(
                archive, folder.root, same_store=same_store, progress=progress
            )
        with _new_database(database, restored) as conn:
            restored.rows = restore_rows.load(conn, archive, folder, next_alert_id, progress)
            known = restore_rows.known_paths(conn)
        if folder is not None:
            restored.pictures = restored.pictures or Placed()
            folders = (manifest["alert_base_path"], manifest["failed_base_path"])
            restore_pictures.note_unknown(restored.pictures, folder.root, folders, known)
    finally:
        database.dispose()
    return restored


def write_settings(archive: Reader, path: Path) -> None:
    """Write the settings file of a backup. Raises BackupError when `path` exists already."""
    member = _member(archive, SETTINGS)
    if member is None:
        raise BackupError(Reason.of("restore.no_settings", path=str(archive.path)))
    try:
        _write_own(path, member.content.read())
    except FileExistsError:
        raise BackupError(Reason.of("restore.settings_exist", path=str(path))) from None
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> BackupError:
    return BackupError(Reason.of("restore.unwritable", path=str(path), error=error.strerror))


def _member(archive: Reader, name: str) -> Member | None:
    return next((member for member in archive.members() if member.name == name), None)


def _check_version(manifest: dict[str, Any]) -> None:
    backup_revision = manifest["revision"]
    if is_of_newer_version(backup_revision):
        raise BackupError(
            Reason.of(
                "restore.later_revision",
                revision=backup_revision,
                version=manifest["easyai"],
                newest=newest(),
            )
        )


def _check_folders(manifest: dict[str, Any], settings: Settings) -> None:
    """Check that backup and settings have the same folders.

    The rows name pictures below the folders of the backup. The scan leaves out the folders of the
    settings.
    """
    own: dict[str, str] = {
        "ai_analysis.alert_base_path": settings.ai_analysis.alert_base_path,
        "ai_analysis.failed_base_path": settings.ai_analysis.failed_base_path,
        "frame_extractor.store": settings.frame_extractor.store,
    }
    for key, value in own.items():
        backed_up = manifest[key.rpartition(".")[2]]
        if backed_up != value:
            raise BackupError(
                Reason.of("restore.other_setting", key=key, here=value, backed_up=backed_up)
            )


def _frame_folder(settings: Settings) -> Folder | None:
    folder = settings.frame_extractor.folder
    return Folder(folder) if folder else None


def _is_same_store(manifest: dict[str, Any], settings: Settings, folder: Folder | None) -> bool:
    """Whether the frame folder is the folder of the backup, and was used after the backup.

    Raises BackupError when the folder belongs to another installation. A folder that only a first
    start on this machine has claimed may be used. It is not the same store, since it never had the
    waiting frames of the backup.
    """
    claim = ownership.claim_of_folder(folder.root) if folder else None
    if claim is None:
        return False
    if claim.installation == manifest["installation"]:
        return True
    token = ownership.folder_token(settings.easyai.data_dir.absolute())
    if token and claim.folder_token == token:
        return False
    raise BackupError(
        Reason.of(
            "restore.folder_of_another",
            host=claim.host,
            data_folder=claim.data_dir,
            claim=ownership.CLAIM_KEY,
        )
    )


def _check_empty(database: Database, replace: bool) -> None:
    file = file_of(database)
    if replace or (file is not None and not file.exists()):
        return
    with database.read() as conn:
        empty = dumped_rows.is_empty(conn)
    if not empty:
        where = str(file) if file else Reason("restore.postgresql")
        raise BackupError(Reason.of("restore.not_empty", where=where))


def _restore_keys(archive: Reader, data_dir: Path, restored: Restored) -> None:
    for name in KEPT:
        member = _member(archive, f"{KEYS}{name}")
        if member is None:
            continue
        content = member.content.read()
        try:
            make_folder(data_dir)
            _write_own(data_dir / name, content)
        except FileExistsError:
            if (data_dir / name).read_bytes() != content:
                restored.kept_keys.append(name)
        except OSError as error:
            raise _unwritable(data_dir / name, error) from error


def _write_own(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _new_database(database: Database, restored: Restored) -> Iterator[Connection]:
    """A transaction that makes the tables anew; the old data stays visible until the commit."""
    file = file_of(database)
    if file is None:
        with database.write() as conn:
            # Between two statements the restoration looks for the picture of each waiting frame.
            # In a slow store that takes longer than the server lets a transaction idle.
            conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            dumped_rows.drop(conn)
            yield conn
        return
    draft = file.with_name(f".{file.name}.restore")
    _remove(draft)
    made = Database(f"sqlite:///{draft}")
    try:
        migrate.make_folder_of(made)
        with made.write() as conn:
            yield conn
        with made.outside_transaction() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        made.dispose()
        with database.guard.held():
            _merge_log(database, file)
            _put_in_place(draft, file, restored)
    finally:
        made.dispose()
        _remove(draft)


def _merge_log(database: Database, file: Path) -> None:
    """Write the log of the old database into its file, so that the file is complete without it.

    The log and the file are renamed in two steps, and the machine may fail between them. A database
    that cannot be read keeps its log.
    """
    if not file.exists():
        return
    unreadable = suppress(DatabaseUnavailableError, DatabaseDamagedError)
    with unreadable, database.outside_transaction() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.engine.dispose()  # `Database.dispose` would give the guard back


def _put_in_place(draft: Path, file: Path, restored: Restored) -> None:
    kept = file.with_name(f"{file.name}.before-restore-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        if file.exists():
            for end in (*_LOGS, ""):  # the log first: a new file must never get the old log
                with suppress(FileNotFoundError):
                    rename_noreplace(f"{file}{end}", f"{kept}{end}")
            restored.kept_database = str(kept)
        rename_noreplace(str(draft), str(file))
    except OSError as error:
        raise BackupError(
            Reason.of("restore.not_in_place", path=str(file), kept=str(kept), error=error.strerror)
        ) from error


def _remove(file: Path) -> None:
    for end in ("", *_LOGS, "-journal", GUARD, QUEUE):
        with suppress(FileNotFoundError):
            file.with_name(file.name + end).unlink()
