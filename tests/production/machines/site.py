"""An installation on many machines: an API host, three worker hosts, servers and services."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from tests.faults import invariants
from tests.faults.ledger_view import LedgerView
from tests.faults.schema import migrate
from tests.faults.together import together
from tests.production.machines.camera import BucketCamera
from tests.production.machines.fleet import RemoteFleet
from tests.production.machines.network import Machine, Network
from tests.production.machines.servers import Servers
from tests.support.part_process import PartProcess, celery_command, easyai_command
from tests.support.waiting import wait_until

TYPES = ("人数统计", "人脸检测")
WORKERS = ("worker-1", "worker-2", "worker-3")
LIMIT = 8  # max_concurrent_infer: fewer than the services take together
AT_ONCE = 3  # max_concurrency of each of three services
PORT = 5066
LEASE_SEC = 15.0  # the default
_SETTINGS = f"""
[ai_analysis]
max_concurrent_infer = {LIMIT}
max_alerts_in_db = 0
lease_sec = {LEASE_SEC}
[easyai]
host = "0.0.0.0"
port = {PORT}
secret_key = "the same on every machine of this installation"
operator_token = "the-same-token-on-every-machine"
"""


class Machines:
    """The machines of a network, by what runs on them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.servers = network.machine("servers", 1)
        self.services = network.machine("services", 2)
        self.api = network.machine("api", 10)
        self.hosts = [network.machine(f"host-{number}", 10 + number) for number in (1, 2, 3)]


class Site:
    """Every part with its machine; made and used on the network of the servers."""

    def __init__(self, machines: Machines, servers: Servers, folder: Path) -> None:
        self.machines = machines
        self.url = f"http://{machines.api.address}:{PORT}"
        self.place = servers.bucket()
        self.database_url = servers.postgres.create_database()
        self.ledger = LedgerView(self.database_url)
        self.fleet = RemoteFleet(
            machines.services, self.url, TYPES, services=3, max_concurrency=AT_ONCE, delay_sec=0.1
        )
        self.camera = BucketCamera(self.place.put, TYPES, rate=10.0)
        self._folder = folder
        config = folder / "config.toml"
        config.write_text(f'{_SETTINGS}public_url = "{self.url}"\n', encoding="utf-8")
        self.variables = servers.settings(self.database_url, self.place.bucket)
        self.variables["EASYAI_CONFIG"] = str(config)
        self.parts: dict[str, PartProcess] = {}
        self.made_of({})

    def made_of(self, version: Mapping[str, str], *names: str) -> None:
        """Have these parts (all, where none is named) made anew, of the version at PYTHONPATH."""
        for name, machine in self._machines().items():
            if not names or name in names:
                if name in self.parts:
                    self.parts[name].close()
                own = {"EASYAI_DATA_DIR": str(self._folder / machine.name)}
                self.parts[name] = self._part(name, machine, self.variables | own | dict(version))

    def _machines(self) -> dict[str, Machine]:
        hosts, api = self.machines.hosts, self.machines.api
        workers = dict(zip(WORKERS, hosts, strict=True))
        return {"api": api, "watchdog": api, **workers, "beat-1": hosts[0], "beat-2": hosts[1]}

    def _part(self, name: str, machine: Machine, variables: Mapping[str, str]) -> PartProcess:
        command, ready = self._program(name)
        return PartProcess(machine.command(*command), variables, ready)

    def _program(self, name: str) -> tuple[list[str], Callable[[PartProcess], bool]]:
        if name == "api":
            return easyai_command("api"), lambda _: self._answers()
        if name == "watchdog":
            return easyai_command("watchdog"), lambda part: part.running
        if name.startswith("beat"):
            beat = celery_command("beat", "-l", "INFO", "--pidfile", "")
            return beat, _leads_or_stands_by
        worker = celery_command("worker", "-l", "INFO", "-n", f"{name}@%h")
        return worker, lambda part: " ready." in part.all_output()

    def _answers(self) -> bool:
        try:
            with requests.get(f"{self.url}/readyz", timeout=5) as answer:
                return answer.ok
        except requests.RequestException:
            return False

    def migrate(self) -> None:
        """``easyai db upgrade`` of the version of this checkout."""
        migrate(self.database_url, self._folder)

    def start(self) -> None:
        """Start every part and the services; returns when the first frame could be inferred."""
        together(self.fleet.start, *(part.start for part in self.parts.values()))
        wait_until(lambda: self._in_use() == len(self.fleet.ports), 30, "services register", 0.1)

    def _in_use(self) -> int:
        with requests.get(f"{self.url}/api/v1/ai_analysis/services", timeout=10) as answer:
            return int(answer.json()["total"])

    def flows(self, more: int, limit_sec: float = 60.0) -> float:
        """Wait until so many more frames have been inferred; the seconds that it took."""
        began, wanted = time.monotonic(), self.ledger.done() + more
        wait_until(lambda: self.ledger.done() >= wanted, limit_sec, f"{more} frames inferred", 0.1)
        return time.monotonic() - began

    def settle(self, limit_sec: float = 60.0) -> None:
        """Wait until every frame has its fate, then assert the invariants."""
        self.fleet.control(delay_sec=0.0)
        wanted = set(self.camera.keys)
        wait_until(lambda: wanted <= self.ledger.keys(), limit_sec, "every frame is found", 0.3)
        wait_until(
            lambda: not self.ledger.unsettled(),
            limit_sec,
            f"every frame has its fate, not {self.ledger.examples}",
            0.3,
        )
        self.fleet.control(delay_sec=self.fleet.delay_sec)
        self.check()

    def check(self) -> None:
        """Nothing is lost, nothing doubled, no limit passed, and each picture lies in its place."""
        invariants.check(self.ledger, None, self.camera.keys, [self.fleet], limit=LIMIT)
        settled = self.ledger.count("SELECT processed FROM statistics WHERE bucket = 0")
        assert settled == self.ledger.done(), "a frame was settled twice"
        found = self.place.client.list_objects(self.place.bucket, recursive=True)
        there = {entry.object_name or "" for entry in found}
        pictures = {key for key in there if key.endswith(".jpg")}
        rows = self.ledger.frames()
        wanted = {f"alerts/{row.key}" for row in rows if row.outcome == "alert"}
        wanted |= {f"failed/{row.key}" for row in rows if row.outcome == "failed"}
        assert pictures == wanted, f"missing: {wanted - pictures}, left: {pictures - wanted}"

    def leased_by(self, name: str) -> int:
        """Frames that a worker holds."""
        mark = f"'%.{self.parts[name].pid}.%'"
        return self.ledger.count(f"SELECT count(*) FROM frames WHERE lease_token LIKE {mark}")

    def works(self, name: str, since: int) -> bool:
        """Whether a worker has found or sent frames since its log was so long."""
        output = self.parts[name].all_output()[since:]
        return "found new images" in output or "scheduling inference" in output

    def leading(self) -> int:
        """The number of the beat that leads, and of its host."""
        held = "SELECT holder FROM process_leases WHERE name = 'beat'"
        return 1 if self.ledger.text(held).startswith("host-1:") else 2

    def alarms_since(self, moment: float) -> set[str]:
        """The kinds of alarms that were raised since then."""
        return {row.kind for row in self.ledger.alarms() if row.raised_at >= moment}

    def output(self) -> str:
        """The last lines of every part."""
        return "\n".join(f"--- {name}\n{part.log()}" for name, part in self.parts.items())

    def close(self) -> None:
        """Kill whatever is left."""
        for part in (*self.parts.values(), self.fleet):
            part.close()


def _leads_or_stands_by(beat: PartProcess) -> bool:
    output = beat.all_output()
    return " leads" in output or " stands by" in output
