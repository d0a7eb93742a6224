"""A server program that a test starts, stops, freezes and kills."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.ports import HeldPort
from tests.support.waiting import wait_until


class ServerProcess(ABC):
    """A server on a free loopback port, its data in a folder of its own.

    The port and the data stay the same over `stop`, `kill` and `start`; until `close` no other
    program can take the port.
    """

    name = "server"
    start_limit_sec = 30.0
    stop_signal = signal.SIGTERM

    def __init__(self, user: str | None = None) -> None:
        self._held = HeldPort()
        self.port = self._held.number
        self.user = user
        # Not pytest's tmp_path: another user cannot enter that folder.
        self.folder = Path(tempfile.mkdtemp(prefix=f"easyai-{self.name}-"))
        if user:
            account = pwd.getpwnam(user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does real work now."""

    def environment(self) -> dict[str, str]:
        """The environment of the program."""
        return dict(os.environ)

    @property
    def running(self) -> bool:
        """Whether the program runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of the program; None while it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    def start(self) -> None:
        """Start and wait until it works; fails with the program's log."""
        if not self.running:
            self._launch()
        wait_until(self._ready, self.start_limit_sec, f"{self.name} answers\n{self.log()}")

    def _ready(self) -> bool:
        # After a kill, PostgreSQL refuses to start until its last child has gone.
        if not self.running:
            self._launch()
        return self.answers()

    def _launch(self) -> None:
        extra: dict[str, Any] = {}
        if self.user:
            account = pwd.getpwnam(self.user)
            extra = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.environment(),
                start_new_session=True,
                **extra,
            )

    @property
    def log_path(self) -> Path:
        """The file that takes the program's output."""
        return self.folder / "output.log"

    def log(self) -> str:
        """The last lines of the program's output."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-30:])

    def stop(self) -> None:
        """Stop in order, as an operator does."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Kill at once (SIGKILL), as a power cut does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start again on the same port with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze: connections stay open and nothing answers."""
        self._signal_group(signal.SIGSTOP)
        wait_until(self._stands_still, 10, f"{self.name} stands still")

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal_group(signal.SIGCONT)

    def close(self) -> None:
        """Kill, remove all data, give the port back."""
        self.kill()
        self._held.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGCONT)
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        try:
            process.wait(self.start_limit_sec)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def _stands_still(self) -> bool:
        # A program with threads goes on for a moment.
        status = Path(f"/proc/{self.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def _signal_group(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} does not run"
        os.killpg(self._process.pid, number)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()  # its process and port would end in whichever test runs then
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
