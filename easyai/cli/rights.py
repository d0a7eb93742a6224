"""Checks whether the user who starts easyai may use the files of another user's earlier run."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

from easyai.domain.reason import Reason
from easyai.errors import SettingsError

_DATABASE = ("", "-wal", "-shm")
_LOCKS = ("-guard", "-queue")  # the right to read is enough to lock these files
_SECRETS = ("*.key", "*.token")


def check_rights(data_dir: Path, database_url: str) -> None:
    """Refuse to start when files of ours belong to another user, who started easyai before.

    Raises SettingsError naming the file, its owner and the remedy.
    """
    # Imported here: help and wrong options do not need it.
    from easyai.db.engines import normalize_url, sqlite_file

    for path, wanted in _needed(data_dir, sqlite_file(normalize_url(database_url))):
        owner = _owner(path)
        if owner and not (os.access(path, wanted, effective_ids=True) or _is_read_only(path)):
            give = shlex.join(("chown", "-R", _name(os.geteuid()), str(path)))
            raise SettingsError(Reason.of("start.not_ours", path=str(path), owner=owner, give=give))


def _needed(data_dir: Path, database: str | None) -> Iterator[tuple[Path, int]]:
    folder = os.R_OK | os.W_OK | os.X_OK
    data_dir = data_dir.absolute()
    yield data_dir, folder
    for name in ("run", "logs", "broker"):
        yield data_dir / name, folder
    for path in sorted((data_dir / "logs").glob("*.log")):
        yield path, os.W_OK
    for path in sorted(file for secret in _SECRETS for file in data_dir.glob(secret)):
        yield path, os.R_OK
    if database:
        yield from ((Path(f"{database}{end}"), os.R_OK | os.W_OK) for end in _DATABASE)
        yield from ((Path(f"{database}{end}"), os.R_OK) for end in _LOCKS)


def _is_read_only(path: Path) -> bool:
    """Whether the disk is read-only: no user may write there, and each writer reports it."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _owner(path: Path) -> str:
    """The user who owns a file or folder; '' when it does not exist."""
    try:
        return _name(path.stat().st_uid)
    except OSError:
        return ""


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
