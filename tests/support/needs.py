"""Needs of tests beyond the checkout: programs, and root's rights."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_INSTALL = "install: sudo make services"
_ROOT = "run as root, or with a sudo that asks for no password"


class MissingError(RuntimeError):
    """Something that a test or benchmark needs is not on this machine.

    Raised in a test or fixture, the test is left out, or failed where all must run: see
    `tests.support.left_out`.
    """

    def __init__(self, what: str, remedy: str = _INSTALL) -> None:
        super().__init__(f"needs {what} ({remedy})")


def program(name: str, of: str, *folders: Path) -> str:
    """The path of a program, looked for in ``folders`` first; MissingError names what it is ``of``.

    A plain user's PATH lacks the folders of servers, so these are looked through as well.
    """
    for folder in folders:
        if (folder / name).is_file():
            return str(folder / name)
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise MissingError(of)
    return found


def faketime_library() -> Path:
    """The library that changes the clock of programs with threads; raises MissingError."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        raise MissingError("libfaketime")
    return libraries[0]


def as_root() -> list[str]:
    """The prefix of a command that only root may run; raises MissingError."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True).returncode:
        raise MissingError("root's rights", _ROOT)
    return [sudo, "-n"]
