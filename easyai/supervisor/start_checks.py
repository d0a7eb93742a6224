"""The checks of ``easyai up`` before it starts any process."""

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
from easyai.supervisor.listening import check_listening
from easyai.supervisor.running import LOCK_PATH
from easyai.system import modes
from easyai.system.streams import notice

# The children of a killed `up` end by themselves; the slowest may take this long.
LEFT_BEHIND_SEC = 30.0
_DATABASE_ENDS = ("", "-wal", "-shm", "-journal", GUARD, QUEUE)
_TEMP_BYTES = 1 << 20  # a migration needs less
_TEMP_FOLDERS = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 - SQLite's folders, in its order


def claim_data_dir(data_dir: Path) -> bool:
    """Make the folders and lock them until this process ends; the lock survives an exec.

    Returns whether the previous run was killed. Raises SettingsError when another ``easyai up``
    runs there or the folder cannot be used.
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
    """Record that this run ended in order; the kernel drops the lock when the process ends."""
    with suppress(FileNotFoundError):  # the folder was removed meanwhile
        os.truncate(data_dir / LOCK_PATH, 0)


def remove_database(file: Path) -> None:
    """Remove an SQLite file that this start has made, with its accompanying files.

    No other file that begins with its name is removed: it may be an operator's backup.
    """
    for end in _DATABASE_ENDS:
        Path(f"{file}{end}").unlink(missing_ok=True)


def check_temp_dir(named: Iterable[str | None]) -> None:
    """Check that a temporary file can be written; `named` are the folders of the environment.

    SQLite uses the first folder that it may write to, full or not, and reports a full folder as a
    full database. Raises SettingsError naming the folder and the remedy.
    """
    folders = (Path(name) for name in (*named, *_TEMP_FOLDERS) if name)
    usable = (path for path in folders if path.is_dir() and os.access(path, os.W_OK | os.X_OK))
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
    """Check that the API can listen.

    ``wait``: give the children of a killed run time to end. Raises SettingsError naming address
    and remedy.
    """
    limit = time.monotonic() + (LEFT_BEHIND_SEC if wait else 0)
    notified = False
    while problem := check_listening(host, port):
        if time.monotonic() >= limit:
            raise SettingsError(problem)
        if not notified:
            notice("waiting for the processes of a killed run to end")
        notified = True
        time.sleep(0.2)
