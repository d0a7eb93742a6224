"""The modes of our files: for us and our group, whatever the umask of the user who starts us."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o750
FILE_MODE: Final = 0o640


def make_folder(path: Path, mode: int = FOLDER_MODE) -> None:
    """Make a folder and its parents; a folder that exists keeps its mode. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        folder.chmod(mode)


def opener(path: str, flags: int) -> int:
    """Open a file as `open(..., opener=opener)` does; a new file gets our mode. Raises OSError."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, FILE_MODE)
    if flags & os.O_CREAT and os.fstat(descriptor).st_size == 0:
        _set_mode(descriptor)
    return descriptor


def make_file(path: Path) -> None:
    """Make an empty file unless it exists; keep others out of a file that exists.

    Raises OSError.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        path.chmod(FILE_MODE)
    except FileExistsError:
        keep_others_out(path)


def keep_others_out(path: Path) -> None:
    """Remove other users' rights from a file or folder of ours; ignores a file that is gone."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            path.chmod(mode & ~stat.S_IRWXO)
    except OSError:
        return  # the file is not ours, or gone


def _set_mode(descriptor: int) -> None:
    try:
        os.fchmod(descriptor, FILE_MODE)
    except OSError:
        return  # an empty file of another user
