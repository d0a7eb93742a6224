"""What ``easyai up`` makes sure of before it starts anything."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from easyai.db.guard import GUARD, QUEUE
from easyai.domain.reason import Reason
from easyai.errors import SettingsError
from easyai.supervisor.running import LOCK_PATH
from easyai.system import modes
from easyai.system.listening import check_listening
from easyai.system.streams import notice

# The children of a killed `up` end by themselves; the slowest may take this long.
LEFT_BEHIND_SEC = 30.0
_DATABASE_ENDS = ("", "-wal", "-shm", "-journal", GUARD, QUEUE)
_TEMP_BYTES = 1 << 20  # a migration needs less
_TEMP_FOLDERS = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 - those of SQLite, in its order


def claim_data_dir(data_dir: Path) -> bool:
    """Make the folders and keep a lock on them until this process ends, over an exec too.

    Returns whether the run before was killed. Raises SettingsError when another ``easyai up`` runs
    there or the folder cannot be used.
    """
    try:
        for folder in (data_dir / "run", data_dir / "logs"):
            modes.make_folder(folder)
            modes.keep_others_out(folder)  # made by an earlier release
        descriptor = os.open(data_dir / LOCK_PATH, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(
            Reason.of("start.data_folder", folder=str(data_dir), error=error.strerror)
        ) from error
    holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SettingsError(
            Reason.of("start.runs_already", folder=str(data_dir), pid=holder)
        ) from error
    os.set_inheritable(descriptor, True)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return bool(holder)


def release_data_dir(data_dir: Path) -> None:
    """Note that this run ended in order; the lock itself goes with the process."""
    with suppress(FileNotFoundError):  # the folder was taken away meanwhile
        os.truncate(data_dir / LOCK_PATH, 0)


def remove_database(file: Path) -> None:
    """Remove an SQLite file that this start has made, with what belongs to it.

    Nothing else that begins with its name: an operator's backup lies beside it.
    """
    for end in _DATABASE_ENDS:
        Path(f"{file}{end}").unlink(missing_ok=True)


def check_temp_dir(named: Iterable[str | None]) -> None:
    """Make sure that the folder of temporary files takes one; `named` by the environment.

    SQLite takes the first that it may write to, full or not, and calls a full one a full database.
    Raises SettingsError naming the folder and the remedy.
    """
    folders = (Path(name) for name in (*named, *_TEMP_FOLDERS) if name)
    usable = (one for one in folders if one.is_dir() and os.access(one, os.W_OK | os.X_OK))
    folder = next(usable, None)
    if folder is None:
        return
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="easyai-") as file:
            file.write(bytes(_TEMP_BYTES))
            file.flush()
    except OSError as error:
        raise SettingsError(
            Reason.of("start.temporary_files", folder=str(folder), error=error.strerror)
        ) from error


def check_port(host: str, port: int, wait: bool) -> None:
    """Make sure that the API can listen.

    ``wait``: the children of a killed run may still be ending; give them time. Raises
    SettingsError naming address and remedy.
    """
    limit = time.monotonic() + (LEFT_BEHIND_SEC if wait else 0)
    told = False
    while (problem := check_listening(host, port)) is not None:
        if time.monotonic() >= limit:
            raise SettingsError(problem)
        if not told:
            notice("waiting for what is left of a killed run to end")
        told = True
        time.sleep(0.2)
