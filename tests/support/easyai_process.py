"""``easyai up`` as a user starts it, in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import requests

from tests.support.fork_server import MARK, ForkedProcess, fork_server
from tests.support.part_process import (
    begin,
    celery_command,
    clean_environment,
    easyai_command,
    run_to_end,
)
from tests.support.ports import HeldPort
from tests.support.waiting import wait_until


class EasyaiProcess:
    """A running ``easyai up``: settings, frames, data and log below ``folder``.

    ``settings`` is the text of the TOML file; ``environment`` is added to a clean environment (no
    EASYAI_… variable of the caller gets in). ``prefix`` is put before the command that starts it.
    ``forked``: the start is not what is tried, and spares 2 s of CPU for imports; without a prefix.
    """

    def __init__(
        self,
        folder: Path,
        settings: str = "",
        environment: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
        *,
        forked: bool = False,
    ) -> None:
        assert not (forked and prefix), "a fork starts no command that a prefix could stand before"
        self.folder = folder
        self._forked = forked
        self._prefix = prefix
        self._held = HeldPort()
        self.port = self._held.number
        self.config = folder / "config.toml"
        self.config.write_text(settings, encoding="utf-8")
        self.log_path = folder / "up.out"
        self._mark = uuid.uuid4().hex
        self._environment = clean_environment({MARK: self._mark, **(environment or {})})
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def url(self) -> str:
        """The base URL of the API server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def frames(self) -> Path:
        """The folder that frames are written to."""
        return self.folder / "snapshots"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """The output on the terminal so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def pid(self) -> int:
        """The process id of ``easyai up``."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def started(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def start(self, wait: bool = True, timeout: float = 30.0) -> EasyaiProcess:
        """Start; with ``wait`` until the ready line is there."""
        options = ("--config", str(self.config), "--port", str(self.port))
        shown = len(self.log)
        self._process = self._begins(*options)
        if wait:
            self._wait_for_ready_line(shown, timeout)
        return self

    def _begins(self, *options: str) -> subprocess.Popen[bytes] | ForkedProcess:
        where = (self._environment, self.folder, self.log_path)
        if self._forked:
            command = [sys.executable, "-m", "tests.support.forked_up", "up", *options]
            return fork_server().start(command, *where)
        return begin([*self._prefix, *easyai_command("up", *options)], *where)

    def _wait_for_ready_line(self, shown: int, timeout: float) -> None:
        def ready() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(
                    f"easyai up ended with {self._process.returncode}:\n{self.log}"
                )
            return "easyai is ready:" in self.log[shown:]

        try:
            wait_until(ready, timeout, "easyai up is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    @property
    def installation(self) -> dict[str, str]:
        """The variables that make another process part of this installation."""
        return {
            "EASYAI_CONFIG": str(self.config),
            "EASYAI_DATA_DIR": str(self.data),
            "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(self.frames),
            "EASYAI_PORT": str(self.port),
        }

    def configure(self, settings: str) -> None:
        """Put another settings file in place, as an editor does."""
        draft = self.config.with_suffix(".draft")
        draft.write_text(settings, encoding="utf-8")
        draft.replace(self.config)

    def reconfigure(self, settings: str) -> None:
        """As `configure`, and wait until the worker and the API have taken notice."""
        begin = len(self.log)
        self.configure(settings)

        def noticed() -> bool:
            self.get("/api/v1/ai_analysis/inference_stats")  # the API looks when somebody asks
            lines = self.log[begin:].splitlines()
            names = [line.partition("|")[0].split() for line in lines if "reloaded" in line]
            return all(any(name in some for some in names) for name in ("worker", "api"))

        wait_until(noticed, 10, "the worker and the API have read the settings")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A call of the ``easyai`` program on this installation."""
        return run_to_end(easyai_command(*arguments), self.installation, self.folder)

    def run_celery(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A call of ``celery -A easyai`` on this installation."""
        return run_to_end(celery_command(*arguments), self.installation, self.folder)

    def wait_for_line(self, text: str, timeout: float = 15.0, begin: int = 0) -> None:
        """Wait until the terminal has shown ``text`` behind the first ``begin`` characters."""
        wait_until(lambda: text in self.log[begin:], timeout, f"a line with {text!r}")

    def get(self, path: str) -> requests.Response:
        """GET from the API server."""
        return requests.get(self.url + path, timeout=10)

    def ready(self) -> bool:
        """Whether it runs and is ready for work."""
        if self._process is None or self._process.poll() is not None:
            return False
        try:
            return self.get("/readyz").ok
        except requests.ConnectionError:
            return False

    def processes(self) -> dict[int, str]:
        """Every living process of this run, whatever its parent is now: id to command line."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it has just ended
            if f"{MARK}={self._mark}".encode() in environment and command:
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    def child(self, name: str) -> int | None:
        """The process id of a child (``api``, ``worker``, ``beat``, ``watchdog``), None if gone."""
        word = f"easyai {name}" if name in ("worker", "beat") else f"easyai.cli.main {name}"
        return next((pid for pid, line in self.processes().items() if word in line), None)

    def run_to_end(self, timeout: float = 30.0) -> int:
        """Start where it is expected to refuse; returns the exit code."""
        self.start(wait=False)
        assert self._process is not None
        return self._process.wait(timeout)

    def exit_code(self, timeout: float = 10.0) -> int:
        """Wait for the end of the started command, a prefix included; return its exit code."""
        assert self._process is not None, "not started"
        return self._process.wait(timeout)

    def kill_child(self, name: str) -> int:
        """Kill a child with SIGKILL; returns the id it had."""
        pid = wait_until(lambda: self.child(name), 10, f"{name} runs")
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_child(self, name: str, other_than: int, timeout: float = 15.0) -> int:
        """Wait until the child runs under a new process id; returns it."""

        def renewed() -> int | None:
            pid = self.child(name)
            return None if pid == other_than else pid

        return wait_until(renewed, timeout, f"{name} runs again")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal as Ctrl-C does, to ``easyai up`` alone."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGINT, timeout: float = 45.0) -> None:
        """Stop as a user does; asserts exit code 0 and that no process is left."""
        assert self._process is not None, "not started"
        if self._process.poll() is None:
            self.interrupt(number)
        code = self._process.wait(timeout)
        assert code == 0, f"easyai up ended with {code}:\n{self.log}"
        wait_until(lambda: not self.processes(), 5, f"no process left of {self.processes()}")
        self._process = None

    def kill(self) -> None:
        """Kill ``easyai up`` alone with SIGKILL; its children are on their own."""
        assert self._process is not None, "not started"
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def kill_everything(self) -> None:
        """Kill every process of this run with SIGKILL, as a power cut does."""
        if self._process is not None and self._process.poll() is None:
            self.interrupt(signal.SIGSTOP)  # it shall neither restart its children nor warn them
        for pid in sorted(self.processes(), key=lambda pid: self._is_up(pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it has ended by itself
        if self._process is not None:
            self._process.wait(10)
            self._process = None
        wait_until(lambda: not self.processes(), 10, "all processes ended")

    def _is_up(self, pid: int) -> bool:
        return self._process is not None and pid == self._process.pid

    def close(self) -> None:
        """Kill whatever is left, give the port back."""
        self.kill_everything()
        self._held.release()

    def __enter__(self) -> EasyaiProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
