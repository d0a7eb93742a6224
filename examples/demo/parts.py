"""Starts and stops the parts of the demo: easyai with its three processes, and the services."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from examples.demo.cameras import LARGE_BYTES
from examples.demo.errors import DemoError
from examples.demo.frames import FACES, LARGE, PEOPLE
from examples.demo.signals import still_wanted, uninterrupted

ROOT = Path(__file__).resolve().parents[2]

# Every alert is counted, however many frames were asked for.
_SETTINGS = "[ai_analysis]\nmax_alerts_in_db = 0\n"
_SERVICES = {
    "people_counter": ["--task-type", PEOPLE, "--max-concurrency", "2"],
    "face_counter": ["--task-type", FACES, "--max-concurrency", "2"],
    "plain_service": ["--task-type", LARGE, "--min-bytes", str(LARGE_BYTES)],
}
_START_SEC = 60.0
_STOP_SEC = 10.0
_STOP_EASYAI_SEC = 40.0  # it finishes frames in flight
_POLL_SEC = 0.1


class Parts:
    """easyai and its services below a folder; leaving the block stops all started processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.logs = folder / "logs"
        self.frames = folder / "snapshots"
        # A service keeps its port: elsewhere it would be another endpoint.
        self._holders = {name: _held_port() for name in ("easyai", *_SERVICES)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The base URL of the API server."""
        return f"http://127.0.0.1:{self._port('easyai')}"

    @property
    def names(self) -> list[str]:
        """The names of the services."""
        return list(_SERVICES)

    def start(self) -> None:
        """Start all processes; returns at once."""
        self.logs.mkdir()
        config = self._folder / "config.toml"
        config.write_text(_SETTINGS, encoding="utf-8")
        port = str(self._port("easyai"))
        self._start("easyai", ["-m", "easyai.cli.main", "up", "--port", port])
        for name in _SERVICES:
            self.start_service(name)

    def start_service(self, name: str) -> None:
        """Start a service, for the first time or again; returns at once."""
        program, port = str(ROOT / "examples" / f"{name}.py"), str(self._port(name))
        self._start(name, [program, "--server", self.url, "--port", port, *_SERVICES[name]])

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; raises DemoError when a process ends or a minute is over."""
        limit = time.monotonic() + _START_SEC
        while not condition():
            self.check()
            if time.monotonic() > limit:
                raise DemoError(f"not within {_START_SEC:g} s: {what}")
            time.sleep(_POLL_SEC)

    def ready(self) -> bool:
        """Whether easyai reports that it is ready."""
        return "easyai is ready:" in self._log("easyai").read_text(errors="replace")

    def pid(self, name: str) -> int:
        """The process id of a service as it was last started."""
        return self._processes[name].pid

    def ended_services(self) -> list[str]:
        """The services that have ended."""
        return [name for name in _SERVICES if self._processes[name].poll() is not None]

    def check(self, *, services: bool = True) -> None:
        """Raise DemoError with the end of its log if a process has ended; stop if asked to.

        `services`: also if a service has ended.
        """
        still_wanted()
        for name, process in self._processes.items():
            if process.poll() is not None and (services or name not in _SERVICES):
                tail = self._log(name).read_text(errors="replace").splitlines()[-10:]
                raise DemoError("\n".join([f"{name} has ended ({process.returncode}):", *tail]))

    def command(self, *arguments: str) -> str:
        """The output of a command of easyai, such as `frames --json`; raises DemoError."""
        done = subprocess.run(
            [sys.executable, "-m", "easyai.cli.main", *arguments],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise DemoError(f"easyai {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with uninterrupted():
            self._stop()
            for holder in self._holders.values():
                holder.close()

    def _stop(self) -> None:
        """Stop the services first, so that they unregister while the server answers."""
        services = {name: self._processes[name] for name in self._processes if name != "easyai"}
        for process in services.values():
            process.terminate()
        for process in services.values():
            _end(process, _STOP_SEC)
        if "easyai" in self._processes:
            self._processes["easyai"].terminate()
            _end(self._processes["easyai"], _STOP_EASYAI_SEC)

    def _port(self, name: str) -> int:
        port: int = self._holders[name].getsockname()[1]
        return port

    def _start(self, name: str, arguments: list[str]) -> None:
        # Its own session: Ctrl-C reaches only the demo, which then stops its parts in order.
        with uninterrupted(), self._log(name).open("ab") as log:
            self._processes[name] = self._popen(arguments, log)

    def _popen(self, arguments: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
        config = str(self._folder / "config.toml")
        return clean | {"EASYAI_CONFIG": config, "PYTHONPATH": str(ROOT)}

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _end(process: "subprocess.Popen[bytes]", limit_sec: float) -> None:
    """Wait for a process after SIGTERM; kill it after the limit."""
    try:
        process.wait(limit_sec)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _held_port() -> socket.socket:
    """A socket that reserves a free port; a part can listen on the port beside it.

    It never listens, and like servers allows sharing only after it has the port.
    """
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return holder
