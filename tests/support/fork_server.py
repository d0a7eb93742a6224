"""Starts processes of easyai as forks of a process that has imported easyai, as ``easyai up`` does.

A process that begins anew takes 0.7 s of CPU to import what it needs. Tests of a worker or a beat
need a process of its own, not its imports: those are tried in tests/acceptance.

The program below reads a JSON object a line, forks, and answers with the process id. It writes the
exit code of each fork to a file that has the name of its process id.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from easyai.supervisor import forked_child
from easyai.supervisor.shared_imports import import_shared
from tests.support.part_process import clean_environment
from tests.support.waiting import wait_until

_ROOT = Path(__file__).parents[2]
#: A variable that marks a fork and its children in /proc/PID/environ, which shows what the server
#: began with: the fork writes its own value, 32 characters, to the same place.
MARK = "EASYAI_TEST_RUN"
_NO_MARK = "0" * 32
_ROOM = "-" * 400  # in the command line, where the forks write theirs


class ForkedProcess:
    """A running fork, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, code: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._code = code

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        if self.returncode is None and self._code.exists():
            self.returncode = int(self._code.read_text())
            self._code.unlink()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait at most `timeout` seconds for the exit code."""
        wait_until(lambda: self.poll() is not None, timeout, f"process {self.pid} has ended")
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """A program that forks; it ends with this process."""

    def __init__(self) -> None:
        self._codes = Path(tempfile.mkdtemp(prefix="easyai-forks-"))
        self._program = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._codes), _ROOM],
            cwd=_ROOT,
            env=clean_environment({MARK: _NO_MARK}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(
        self, command: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path
    ) -> ForkedProcess:
        """Run ``python -m module …`` in a session of its own; its output is added to `log`."""
        log.touch()
        given = [list(command), dict(variables), str(folder), str(log)]
        assert self._program.stdin
        assert self._program.stdout
        self._program.stdin.write(json.dumps(given).encode() + b"\n")
        self._program.stdin.flush()
        pid = int(self._program.stdout.readline())
        return ForkedProcess(pid, self._codes / str(pid))


@cache
def fork_server() -> ForkServer:
    """The server of this session, started when it is first needed."""
    return ForkServer()


def _begin(command: Sequence[str], variables: Mapping[str, str], folder: str, log: str) -> int:
    server = os.getpid()
    pid = forked_child.fork()
    if pid:
        return pid
    os.setsid()
    os.chdir(folder)
    sys.path[0] = folder  # as for ``python -m``
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    signal.set_wakeup_fd(-1)
    _mark(variables.get(MARK, _NO_MARK))
    forked_child.run(command, variables, server)


def _mark(value: str) -> None:
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    ctypes.memmove(getenv(MARK.encode()), value.encode(), len(_NO_MARK))


def _reap(codes: Path) -> None:
    """Write the exit codes of forks that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        draft = codes / f".{pid}"
        draft.write_text(str(os.waitstatus_to_exitcode(status)))
        draft.rename(codes / str(pid))


def main() -> None:
    """Fork until the tests end."""
    codes = Path(sys.argv[1])
    import_shared()
    import_module("tests.support.forked_up")
    ended, note = os.pipe()
    os.set_blocking(note, False)
    signal.set_wakeup_fd(note)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready: list[Any] = select.select([0, ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
            _reap(codes)
        if 0 in ready:
            line = sys.stdin.readline()
            if not line:
                shutil.rmtree(codes)
                return
            os.write(1, f"{_begin(*json.loads(line))}\n".encode())


if __name__ == "__main__":
    main()
