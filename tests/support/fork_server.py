"""Starts processes of easyai as forks of a process that has imported easyai, as ``easyai up`` does.

A process that begins anew takes 0.7 s of CPU to import what it needs. Tests of a worker or a beat
need a process of its own, not its imports: those are tried in tests/acceptance.

The program below reads a JSON array a line: a command to start, which it answers with the process
id, or the process id of a fork, which it answers with the exit code. A fork that has ended keeps
its process id until then, so that no signal reaches another process. The program ends with the
process that started it, and the forks end with the program.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from easyai.supervisor import forked_child
from easyai.supervisor.shared_imports import import_shared
from tests.support.part_process import clean_environment
from tests.support.waiting import wait_until

_ROOT = Path(__file__).parents[2]
#: A variable that marks a fork and its children in /proc/PID/environ, which shows what the server
#: began with: the fork writes its own value, 32 characters, to the same place.
MARK = "EASYAI_TEST_RUN"
_NO_MARK = "0" * 32
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_ROOM = "-" * 400  # in the command line, where the forks write theirs


class ForkedProcess:
    """A running fork, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, server: ForkServer) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._lock = threading.Lock()  # the exit code can be read once

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._server.exit_code(self.pid)
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
        self._lock = threading.Lock()  # held from a line to its answer
        self._program = subprocess.Popen(
            [sys.executable, "-m", __name__, _ROOM],
            cwd=_ROOT,
            env=clean_environment({MARK: _NO_MARK}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests, which then end their forks
        )

    def start(
        self, command: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path
    ) -> ForkedProcess:
        """Run ``python -m module …`` in a session of its own; its output is added to `log`."""
        log.touch()
        return ForkedProcess(self._ask(list(command), dict(variables), str(folder), str(log)), self)

    def exit_code(self, pid: int) -> int | None:
        """The exit code of a fork, which gives its process id back; None while the fork runs."""
        code: int | None = self._ask(pid)
        return code

    def _ask(self, *words: Any) -> Any:
        assert self._program.stdin
        assert self._program.stdout
        with self._lock:
            self._program.stdin.write(json.dumps(words).encode() + b"\n")
            self._program.stdin.flush()
            answer = self._program.stdout.readline()
        assert answer, "the fork server has ended"
        return json.loads(answer)


@cache
def fork_server() -> ForkServer:
    """The server of this session, started when it is first needed."""
    return ForkServer()


def _begin(command: Sequence[str], variables: Mapping[str, str], folder: str, log: str) -> int:
    server = os.getpid()
    pid = forked_child.fork()
    if pid:
        return pid
    _end_with(server)
    os.setsid()
    os.chdir(folder)
    sys.path[0] = folder  # as for ``python -m``
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    _mark(variables.get(MARK, _NO_MARK))
    forked_child.run(command, variables, server)


def _mark(value: str) -> None:
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    ctypes.memmove(getenv(MARK.encode()), value.encode(), len(_NO_MARK))


def _end_with(server: int) -> None:
    """Ask the kernel for a SIGKILL when the server ends; a stopped fork would take no SIGTERM."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != server:
        os._exit(1)  # the server ended before the kernel knew our wish


def _exit_code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> None:
    """Fork until the tests end."""
    import_shared()
    import_module("tests.support.forked_up")
    for line in sys.stdin:
        words = json.loads(line)
        answer = _begin(*words) if len(words) > 1 else _exit_code(*words)
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
