"""The two kinds of installation that faults are tried on, with a common interface.

Embedded is ``easyai up`` with SQLite and files as its broker. Production is every part by itself on
PostgreSQL and Redis, each started again by a supervisor (here: the test) when it was killed.
"""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import requests

from tests.faults.schema import migrate
from tests.faults.together import together
from tests.support import part_process
from tests.support.easyai_process import EasyaiProcess
from tests.support.part_process import PartProcess, celery_command, easyai_command
from tests.support.ports import HeldPort
from tests.support.services import PostgresServer, RedisServer
from tests.support.waiting import wait_until

EMBEDDED = "embedded"
PRODUCTION = "production"
BOTH = (EMBEDDED, PRODUCTION)
REDIS = "Redis"  # brokers of production
RABBITMQ = "RabbitMQ"


class Site(ABC):
    """An installation: its address, its folders, its database and its processes."""

    kind: str
    database_url: str

    def __init__(self, folder: Path, settings: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.frames = folder / "snapshots"
        self.environment = dict(environment)
        self._settings = settings

    @property
    @abstractmethod
    def url(self) -> str:
        """Base URL of the API."""

    @abstractmethod
    def start(self) -> None:
        """Start everything; returns when it is ready for work."""

    @abstractmethod
    def pids(self, part: str) -> list[int]:
        """Process ids of a part (api, worker, beat, watchdog) that run now."""

    @abstractmethod
    def kill(self, part: str) -> None:
        """Kill a part with SIGKILL; its supervisor starts it again."""

    @abstractmethod
    def kill_everything(self) -> None:
        """Kill every process with SIGKILL, as a power cut does."""

    @abstractmethod
    def stop(self) -> None:
        """Stop in order; asserts that no process is left."""

    @abstractmethod
    def close(self) -> None:
        """Kill whatever is left."""

    @abstractmethod
    def output(self) -> str:
        """The end of the output of the processes, for the message of a failed test."""

    def signal(self, part: str, number: signal.Signals) -> None:
        """Send a signal to every process of a part."""
        for pid in self.pids(part):
            os.kill(pid, number)

    def ready(self) -> bool:
        """Whether the API reports it."""
        try:
            with requests.get(f"{self.url}/readyz", timeout=5) as answer:
                return answer.ok
        except requests.RequestException:
            return False


class Embedded(Site):
    """``easyai up``."""

    kind = EMBEDDED

    def __init__(self, folder: Path, settings: str, environment: Mapping[str, str]) -> None:
        super().__init__(folder, settings, environment)
        self.process = EasyaiProcess(folder, settings, dict(environment))
        self.database_url = f"sqlite:///{self.process.data / 'easyai.db'}"

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return self.process.url

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.process.data

    def start(self) -> None:
        """Start and wait for the ready line."""
        self.process.start(timeout=60)

    def pids(self, part: str) -> list[int]:
        """The child of ``up``."""
        word = {"worker": "easyai worker", "beat": "easyai beat"}.get(part, f"main {part}")
        return [pid for pid, line in self.process.processes().items() if word in line]

    def kill(self, part: str) -> None:
        """``easyai up`` starts it again."""
        pids = wait_until(lambda: self.pids(part), 20, f"{part} runs")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def kill_everything(self) -> None:
        """Kill ``up`` and its children."""
        self.process.kill_everything()

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.stop()

    def close(self) -> None:
        """Kill whatever is left."""
        self.process.close()

    def output(self) -> str:
        """The terminal's last lines."""
        return "\n".join(self.process.log.splitlines()[-80:])


class Production(Site):
    """API, workers, beats and a watchdog started by themselves, on PostgreSQL and Redis."""

    kind = PRODUCTION

    def __init__(
        self,
        folder: Path,
        settings: str,
        environment: Mapping[str, str],
        postgres: PostgresServer,
        redis: RedisServer,
        database_url: str,
        *,
        workers: int = 2,
        beats: int = 1,
        broker_url: str = "",
        elsewhere: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`broker_url`: where it is not the Redis.

        `elsewhere`: further variables of single parts, as on another machine, by name.
        """
        super().__init__(folder, settings, environment)
        self.postgres, self.redis = postgres, redis
        self.migrate_after_sec: float | None = None  # None: the schema is there
        self.database_url = database_url
        self._held = HeldPort()
        self._port = self._held.number
        config = folder / "config.toml"
        config.write_text(settings, encoding="utf-8")
        own = {
            **environment,
            "EASYAI_CONFIG": str(config),
            "EASYAI_DATABASE_URL": self.database_url,
            "EASYAI_BROKER_URL": broker_url or redis.url,
            "EASYAI_DATA_DIR": str(folder / "data"),
            "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(self.frames),
            "EASYAI_PORT": str(self._port),
        }
        self.environment = own
        self.parts: dict[str, PartProcess] = {
            "api": PartProcess(easyai_command("api"), own, lambda _: self.ready())
        }
        for number in range(1, workers + 1):
            there = own | dict((elsewhere or {}).get(f"worker-{number}", {}))
            self.parts[f"worker-{number}"] = part_process.worker(f"w{number}", there)
        beat = celery_command("beat", "-l", "INFO", "--pidfile", "")
        for number in range(1, beats + 1):
            there = own | dict((elsewhere or {}).get(f"beat-{number}", {}))
            self.parts[f"beat-{number}"] = PartProcess(beat, there, _leads_or_stands_by)
        self.parts["watchdog"] = PartProcess(easyai_command("watchdog"), own, _runs)

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start every part; ``easyai db upgrade`` after `migrate_after_sec`, if that is given."""
        together(lambda: self.start_parts(*self.parts), self._migrate)

    def _migrate(self) -> None:
        if self.migrate_after_sec is not None:
            time.sleep(self.migrate_after_sec)
            migrate(self.database_url, self.folder)

    def start_parts(self, *names: str) -> None:
        """Start these processes at the same time; running processes are left alone."""
        together(*(self.parts[name].start for name in names))

    def named(self, part: str) -> list[str]:
        """The names of a part's processes: worker gives worker-1, worker-2, …"""
        return [name for name in self.parts if name == part or name.startswith(f"{part}-")]

    def pids(self, part: str) -> list[int]:
        """The running processes."""
        return [pid for name in self.named(part) if (pid := self.parts[name].pid)]

    def kill(self, part: str) -> None:
        """Kill the part's processes and start them again, as their supervisor would."""
        names = self.named(part)
        for name in names:
            self.parts[name].kill()
        self.start_parts(*names)

    def kill_everything(self) -> None:
        """Kill every part; the servers live."""
        for part in self.parts.values():
            part.kill()

    def stop(self) -> None:
        """Stop every process normally; a process that ignores the signal fails the test."""
        together(*(part.stop for name, part in self.parts.items() if name != "api"))
        self.parts["api"].stop()  # the last: algorithms fetch pictures from it

    def close(self) -> None:
        """Kill whatever is left, drop the database, empty the broker."""
        for part in self.parts.values():
            part.close()
        self._held.release()
        if self.redis.running:
            self.redis.flush()
        if self.postgres.running:
            self.postgres.drop_database(self.database_url)

    def output(self) -> str:
        """The last lines of every part."""
        reports = [f"--- {name}\n{part.log()}" for name, part in self.parts.items()]
        return "\n".join(reports)


def _leads_or_stands_by(part: PartProcess) -> bool:
    output = part.all_output()
    return " leads" in output or " stands by" in output


def _runs(part: PartProcess) -> bool:
    return part.running
