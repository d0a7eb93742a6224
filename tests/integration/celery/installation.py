"""An installation of easyai in a folder: settings, database, and Celery's processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Any

from amqp.exceptions import ChannelError
from sqlalchemy import text

from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.db.migrate import upgrade
from easyai.registry.registration import register
from easyai.runtime import Runtime
from easyai.settings.schema import Settings
from easyai.settings.source import SettingsSource, load
from easyai.tasks.app import make_app
from easyai.tasks.config import celery_settings
from easyai.tasks.doorbell import open_ringing_runtime
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.fork_server import ForkedProcess, fork_server
from tests.support.part_process import begin, celery_command, clean_environment, run_to_end
from tests.support.waiting import wait_until

_PICTURE = b"\xff\xd8\xff\xe0" + b"\0" * 64 + b"\xff\xd9"


class CeleryProcess:
    """A worker or a beat as a process, with the interface of pytest-celery's containers.

    ``forked``: it begins as a child of ``easyai up`` does, without Celery's command line and its
    plug-ins, and has the hash seed of all forks. Otherwise it is ``celery -A easyai …``.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], *, forked: bool) -> None:
        self.name = f"{arguments[0]}-{time.monotonic_ns()}"
        self.id = self.name
        self._folder = folder
        self._arguments = arguments
        self._begin = fork_server().start if forked else begin
        self._log = folder / f"{self.name}.log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes] | ForkedProcess:
        own = {"EASYAI_CONFIG": str(self._folder / "config.toml")}
        command = celery_command(*self._arguments)
        return self._begin(command, clean_environment(own), self._folder, self._log)

    @property
    def celeryconfig(self) -> dict[str, Any]:
        """Celery's settings of the installation."""
        return celery_settings(load(self._folder / "config.toml"))

    @property
    def status(self) -> str:
        """``running`` or ``exited``."""
        return "running" if self.process.poll() is None else "exited"

    def ready(self) -> bool:
        """Wait until a worker consumes."""
        wait_until(lambda: " ready." in self.logs() or self.status == "exited", 30)
        assert self.status == "running", self.logs()
        return True

    def logs(self) -> str:
        """The output of the process."""
        return self._log.read_text(errors="replace")

    def kill(self, signal: str | int = Signals.SIGKILL) -> None:
        """Send a signal (SIGKILL: to its children as well) and wait for the end."""
        if self.status == "running":
            number = Signals[signal] if isinstance(signal, str) else Signals(signal)
            if number == Signals.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        self.process.wait(20)

    def reload(self) -> None:
        """Nothing to do: a local process knows its state."""

    def restart(self, timeout: float = 0) -> None:
        """Start again, as a supervisor does."""
        self.kill("SIGTERM")
        self.process = self._start()

    def teardown(self) -> None:
        """End the process."""
        self.kill()


def wait_for_frames(algorithm: AlgorithmStub, count: int, *processes: Any) -> None:
    """Wait until `count` frames were sent; fails with the logs of the processes."""
    try:
        wait_until(lambda: algorithm.count >= count, 30, f"{count} frames sent")
    except AssertionError as error:
        logs = "\n".join(process.logs() for process in processes)
        raise AssertionError(f"{error}\n{logs}") from None
    assert algorithm.count == count


class Installation:
    """Settings, data and processes below a folder."""

    def __init__(
        self,
        folder: Path,
        broker_url: str = "",
        scan_interval_sec: float = 0.2,
        *,
        watches: bool = False,
        forked: bool = True,
    ) -> None:
        """`watches`: frames are found without scans, so without messages of beat.

        `forked`: see `CeleryProcess`.
        """
        self._forked = forked
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(
            f"""
            [ai_analysis]
            scan_interval_sec = {scan_interval_sec}
            [frame_extractor]
            output_dir = "{folder / "frames"}"
            watch_folder = {str(watches).lower()}
            [easyai]
            broker_url = "{broker_url}"
            data_dir = "{folder / "data"}"
            """,
            encoding="utf-8",
        )
        self.app = make_app(celery_settings(self.settings))
        self._processes: list[CeleryProcess] = []
        self._runtime: Runtime | None = None

    @property
    def settings(self) -> Settings:
        """The settings of the file."""
        return load(self.config)

    @property
    def runtime(self) -> Runtime:
        """A runtime in the test's own process; makes the database."""
        if self._runtime is None:
            upgrade(self.settings.easyai.effective_database_url)
            self._runtime = open_ringing_runtime(self.app, SettingsSource(self.config))
        return self._runtime

    def worker(self, *arguments: str) -> CeleryProcess:
        """Start a worker."""
        number = len(self._processes)
        options = ["-l", "INFO", "-n", f"w{number}@%h", "--without-gossip", "--without-mingle"]
        return self._start("worker", *options, *arguments)

    def beat(self) -> CeleryProcess:
        """Start a beat."""
        return self._start("beat", "-l", "INFO", "--pidfile", "")

    def _start(self, *arguments: str) -> CeleryProcess:
        process = CeleryProcess(self.folder, arguments, forked=self._forked)
        self._processes.append(process)
        return process

    def register(self, algorithm: AlgorithmStub, *task_types: str) -> None:
        """Register an algorithm service for task types."""
        payload = {
            "service_id": algorithm.service_id,
            "name": "stub",
            "task_types": list(task_types),
            "endpoint": algorithm.endpoint,
            "version": "1",
        }
        register(self.runtime, payload)

    def add_frame(self, task_type: str, name: str) -> None:
        """Put a frame in place, as a camera does."""
        folder = self.folder / "frames" / task_type / "门口1"
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / ".draft"
        draft.write_bytes(_PICTURE)
        draft.rename(folder / f"{name}.jpg")

    def done(self) -> int:
        """The number of inferred frames."""
        with self.runtime.db.read() as conn:
            done = conn.execute(text("SELECT count(*) FROM frames WHERE state = 'done'"))
            return int(done.scalar_one())

    def alerts(self) -> int:
        """The number of alerts."""
        with self.runtime.db.read() as conn:
            return int(conn.execute(text("SELECT count(*) FROM alerts")).scalar_one())

    def run_celery(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a call of ``celery`` that ends by itself."""
        return run_to_end(
            [sys.executable, "-m", "celery", *arguments],
            {"EASYAI_CONFIG": str(self.config)},
            self.folder,
        )

    def queues_of(self, worker: CeleryProcess) -> set[str]:
        """The queues from which a worker consumes, as it answers to `inspect`."""
        answers = self.app.control.inspect(timeout=1.0).active_queues() or {}
        number = self._processes.index(worker)
        own = [queues for name, queues in answers.items() if name.startswith(f"w{number}@")]
        return {queue["name"] for queues in own for queue in queues}

    @contextmanager
    def depth(self) -> Iterator[Callable[[], int]]:
        """Counts messages in the queue of the periodic tasks; to be used by a single thread."""
        with self.app.connection_for_read() as connection:

            def ask() -> int:
                try:
                    declared = connection.default_channel.queue_declare(CONTROL_QUEUE, passive=True)
                except ChannelError:  # Redis knows no empty queue
                    return 0
                return int(declared.message_count)

            yield ask

    def close(self) -> None:
        """Kill every process and close every connection."""
        for process in self._processes:
            process.teardown()
        if self._runtime is not None:
            self._runtime.close()
        self.app.close()
