"""Child processes of the benchmark: started, waited for, and killed at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[1]
POLL_SEC = 0.005
_GONE_LIMIT_SEC = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The benchmark could not be completed."""


class Child:
    """A Python process in a session of its own; leaving the block kills it and its children.

    It gets no EASYAI_… variable of the caller, and stops when the benchmark is killed.
    """

    def __init__(
        self, name: str, arguments: list[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self._log_path = folder / f"{name}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
        own = {"PYTHONPATH": str(ROOT), "EASYAI_SUPERVISED": "1", "PYTHONWARNINGS": "ignore"}
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=clean | own | dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The output on stderr so far."""
        return self._log_path.read_text(errors="replace")

    def read_line(self) -> str:
        """The next line of its stdout; raises BenchError when stdout ends."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self.name} ended before it was ready:\n{self.tail()}")
        return line.strip()

    def cpu_seconds(self) -> float:
        """CPU time of the process and its children so far."""
        return session_cpu_seconds(self.pid)

    def go(self) -> None:
        """Send the line that the process waits for."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.splitlines()[-20:])

    def check(self) -> None:
        """Raise BenchError when the process has exited with an error."""
        if self._process.poll():
            raise BenchError(f"{self.name} ended with {self._process.returncode}:\n{self.tail()}")

    def wait_for_log(self, words: str, limit_sec: float = 30.0) -> None:
        """Wait until its log contains these words."""
        wait_until([self], lambda: words in self.log, limit_sec, f"{self.name} says {words!r}")

    def kill(self) -> None:
        """Kill the process and its descendants, and wait until they have exited."""
        deadline = time.monotonic() + _GONE_LIMIT_SEC
        while self._signal_all() and time.monotonic() < deadline:
            self._process.poll()
            time.sleep(POLL_SEC)
        self._process.wait()

    def _signal_all(self) -> bool:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def session_cpu_seconds(leader: int) -> float:
    """CPU time of the processes of a session so far; 0 where the system does not report it.

    Children of its leader that have sessions of their own, as PostgreSQL's have, are counted too.
    """
    return sum(_cpu_ticks(entry, leader) for entry in Path("/proc").glob("[0-9]*")) / _TICKS


def session_processes(leader: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(entry)
        if fields and int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def wait_until(
    own: Sequence[Child], condition: Callable[[], bool], limit_sec: float, what: str
) -> None:
    """Wait for a condition that these processes fulfil.

    Raises BenchError, with the ends of their logs, when a process fails or the limit is over.
    """
    deadline = time.monotonic() + limit_sec
    while not condition():
        for child in own:
            child.check()
        if time.monotonic() > deadline:
            logs = "\n".join(f"{child.name}: {child.tail()}" for child in own)
            raise BenchError(f"not within {limit_sec:g} s: {what}\n{logs}")
        time.sleep(POLL_SEC)


def _cpu_ticks(process: Path, session: int) -> int:
    """Clock ticks of a process of the session; 0 for other processes and for an ended process.

    The leader's ticks include its ended children.
    """
    fields = _stat(process)
    if not fields or session not in (int(fields[1]), int(fields[3])):  # parent, session
        return 0
    own = fields[11:15] if process.name == str(session) else fields[11:13]
    return sum(map(int, own))


def _stat(process: Path) -> list[str]:
    """proc(5): the fields after the name in brackets, from number 3; empty after its end."""
    try:
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
