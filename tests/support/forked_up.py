"""``easyai up`` in a fork of `tests.support.fork_server`: its imports are there already.

The command ends with an exec of the supervising process, which would import all of it anew. Here
the supervisor begins in the same process instead. Tests of the start itself use a real one.

``up`` sets PYTHONUTF8, PYTHONUNBUFFERED, PYTHONIOENCODING and PYTHONWARNINGS for the interpreter
that the exec would start. No interpreter starts here: the supervisor and its children, which are
forks of it, have the UTF-8 mode, the encoding and the warnings of the fork server. Tests of these
use a real start.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from easyai.cli.main import cli
from easyai.supervisor.plan import Plan
from easyai.supervisor.supervise import run


class _Exec(BaseException):
    """Stands for the exec; no handler of errors catches it."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(command)
        self.command = command


def _exec(program: str, command: list[str]) -> NoReturn:
    raise _Exec(command)


def main() -> None:
    """Prepare as ``easyai up`` does, then supervise."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)  # type: ignore[union-attr]  # PYTHONUNBUFFERED
    os.execv = _exec  # type: ignore[assignment]
    try:
        cli(prog_name="easyai")
    except _Exec as end:
        run(Plan.parse(end.command[3:]))
