"""An installation under frames on a broker, with Flower beside it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import requests

from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.part_process import PartProcess, celery_command
from tests.support.ports import HeldPort
from tests.support.services import RabbitmqServer, RedisServer
from tests.support.waiting import wait_until

PEOPLE, HOSTILE = "人数统计", "<img src=x onerror=alert(1)> & 'co'"
MANY = [f"类型{number:03d}" for number in range(198)]
USER, PASSWORD = "operator", "flower-password"
SECRETS = ("broker-password", PASSWORD, "a-long-secret-key-of-links")


class RedisWithPassword(RedisServer):
    """A Redis that asks for a password, so that a page could show it."""

    @property
    def url(self) -> str:
        """The broker URL."""
        return f"redis://:broker-password@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """As the plain server."""
        return [*super().command(), "--requirepass", "broker-password"]

    def answers(self) -> bool:
        """It wants a password."""
        with closing(redis.Redis(port=self.port, password="broker-password")) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


class ManagedRabbitmq(RabbitmqServer):
    """A RabbitMQ with its management API, from which Flower's page of the broker is made."""

    def __init__(self) -> None:
        super().__init__()
        self._management = HeldPort()
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self._management.number}\n"
        )

    @property
    def api(self) -> str:
        """The value of Flower's --broker-api."""
        return f"http://guest:guest@127.0.0.1:{self._management.number}/api/"

    def answers(self) -> bool:
        """The broker and its API answer."""
        try:
            return super().answers() and requests.get(f"{self.api}overview", timeout=5).ok
        except requests.RequestException:
            return False

    def bindings(self) -> set[tuple[str, str, str]]:
        """Exchange, queue and routing key of every binding."""
        found = requests.get(f"{self.api}bindings", timeout=10).json()
        return {
            (binding["source"], binding["destination"], binding["routing_key"]) for binding in found
        }

    def close(self) -> None:
        """End it."""
        super().close()
        self._management.release()


@dataclass
class Plant:
    """The parts that a test looks at."""

    up: EasyaiProcess
    site: Outside
    stub: AlgorithmStub
    flower: PartProcess
    flower_port: int
    server: RedisServer | ManagedRabbitmq | None
    numbers: dict[str, int] = field(default_factory=dict)

    def page(self, path: str, status: int = 200) -> str:
        """A page of Flower, as its operator sees it."""
        answer = self.ask("GET", path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.text

    def ask(self, method: str, path: str, login: bool = True) -> requests.Response:
        """A request to Flower."""
        url = f"http://127.0.0.1:{self.flower_port}{path}"
        who = (USER, PASSWORD) if login else None
        return requests.request(method, url, auth=who, timeout=30)

    def tasks(self, **query: Any) -> list[dict[str, Any]]:
        """The rows of the page of tasks."""
        url = f"http://127.0.0.1:{self.flower_port}/api/tasks"
        with requests.get(url, params=query, auth=(USER, PASSWORD), timeout=30) as answer:
            answer.raise_for_status()
            return list(answer.json().values())

    def put(self, task_type: str, count: int = 1) -> list[str]:
        """Some more frames of a type."""
        first = self.numbers.get(task_type, 0)
        self.numbers[task_type] = first + count
        return self.site.put_many(count, task_type, first=first)

    def until_listed(self, task_type: str, outcome: str) -> dict[str, Any]:
        """Put frames until the result of a task of the type matches a pattern; return that task."""
        pattern = re.compile(outcome)

        def found() -> dict[str, Any] | None:
            rows = [
                task for task in self.tasks(taskname="easyai.infer") if task["args"] == task_type
            ]
            hits = [row for row in rows if pattern.search(str(row["result"]))]
            if not hits:
                self.put(task_type)
                time.sleep(0.3)  # a wake a second at most
            return hits[0] if hits else None

        return wait_until(found, 40, f"Flower lists {task_type}: {outcome}\n{self.tasks()}")

    @property
    def worker(self) -> str:
        """The name of the worker that Flower knows."""
        # It forgets a worker whose heartbeats are late, until the next heartbeat.
        (name,) = wait_until(
            lambda: self.ask("GET", "/api/workers?status=1").json(), 30, "Flower knows a worker"
        )
        return str(name)

    def question(self, *arguments: str) -> str:
        """``celery inspect`` or ``control`` of the worker: ends with its answer."""
        return self.celery(*arguments, "-d", self.worker, "-t", "25")

    def celery(self, *arguments: str) -> str:
        """The output of ``celery -A easyai …``, which has to succeed."""
        done: subprocess.CompletedProcess[str] = self.up.run_celery(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout


def dim_every_fourth() -> Callable[[Frame], Answer]:
    """A service that refuses the frame 00001.jpg and each fourth after it."""

    def answer(frame: Frame) -> Answer:
        number = int(frame["image_path"].rpartition("/")[2].partition(".")[0])
        dim = number % 4 == 1
        return (200, {"success": False, "error": "too dark"}) if dim else detections(1)

    return answer


@contextmanager
def running(
    folder: Path, server: RedisServer | ManagedRabbitmq | None, types: tuple[str, ...]
) -> Iterator[Plant]:
    """A plant; everything of it has ended afterwards."""
    own = {"EASYAI_SECRET_KEY": "a-long-secret-key-of-links"}
    if server is not None:
        own["EASYAI_BROKER_URL"] = server.url
    up = EasyaiProcess(folder, "[ai_analysis]\nmax_attempts = 1\n", own)
    held = HeldPort()
    (folder / "login").write_text(f"{USER}:{PASSWORD}\n")
    options = ["--inspect_timeout=5000"]
    if isinstance(server, ManagedRabbitmq):
        options.append(f"--broker_api={server.api}")
    environment = {**up.installation, **own, "FLOWER_BASIC_AUTH_FILE": str(folder / "login")}
    flower = flower_process(held.number, environment, *options)
    with ExitStack() as stack:
        stack.callback(held.release)
        stack.callback(flower.close)
        stub = stack.enter_context(AlgorithmStub("stub", types, dim_every_fourth()))
        stack.callback(up.close)
        up.start(timeout=90.0)
        stub.register(up.url)
        flower.start()
        yield Plant(up, Outside(up.url, up.frames), stub, flower, held.number, server)


def flower_process(
    port: int, environment: dict[str, str], *options: str, prefix: str = ""
) -> PartProcess:
    """``celery -A easyai flower``, ready when its health check answers."""
    health = f"http://127.0.0.1:{port}{prefix}/healthcheck"
    command = celery_command("flower", f"--port={port}", *options)
    return PartProcess(command, environment, lambda _: _ok(health))


def _ok(url: str) -> bool:
    try:
        with requests.get(url, timeout=5) as answer:
            return answer.ok
    except requests.RequestException:
        return False
