"""Heartbeats a second that one API process takes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import others, site
from bench.live import free_port
from bench.processes import Child, wait_until
from bench.progress import Progress
from bench.report import Row, Target
from bench.rounds import NOISE
from bench.scale import Scale
from easyai.supervisor.children import children

_SERVICES = 1_000
_CONNECTIONS = 100
_START_LIMIT_SEC = 60.0
_TARGET = Target(f"heartbeats/s, one API process, {_SERVICES:,} services", 1_000, 3_000)


@dataclass(frozen=True)
class BeatRound:
    """A measured round of heartbeats."""

    count: int
    seconds: float
    api_cpu_seconds: float
    client_cpu_seconds: float
    p99_ms: float  # of the time until the answer
    others_cores: float  # that programs beside the bench took

    @property
    def rate(self) -> float:
        """Heartbeats a second."""
        return self.count / self.seconds

    @property
    def rate_by_cpu(self) -> float:
        """Heartbeats a second of the API's CPU time."""
        return self.count / self.api_cpu_seconds


def heartbeats(scale: Scale, progress: Progress) -> list[Row]:
    """Rounds on an API process as ``easyai up`` starts it, with SQLite."""
    with site.fresh_folder() as folder:
        settings = site.write_settings(folder)
        with site.opened(settings) as runtime:
            endpoints = [f"http://127.0.0.1:{20_000 + number}/infer" for number in range(_SERVICES)]
            site.add_services(runtime, ["闲"], endpoints)
        with _api(settings) as (api, port):
            rounds = [_round(api, port, scale.beats_sec, progress) for _ in range(scale.rounds)]
    return [beat_row(rounds)]


def beat_row(rounds: list[BeatRound]) -> Row:
    """The median rate, or the median rate by the API's CPU time where the rates are noisy."""
    rates = [one.rate for one in rounds]
    by_rate, by_cpu = median(rates), median(one.rate_by_cpu for one in rounds)
    each_ms = 1000 / by_cpu
    client_ms = median(one.client_cpu_seconds * 1000 / one.count for one in rounds)
    detail = (
        f"{by_rate:,.0f}/s at {each_ms:.2f} ms CPU of the API and {client_ms:.3f} of the client,"
        f" {_CONNECTIONS} connections; 99 of 100 answered in"
        f" {median(one.p99_ms for one in rounds):.0f} ms"
    )
    spread = max(rates) / min(rates) - 1
    others_cores = median(one.others_cores for one in rounds)
    if noisy := spread > NOISE or others.is_noisy(others_cores):
        why = f"rates differ by {spread:.0%}, other programs took {others_cores:.2f} cores"
        detail += f"; by CPU of the API, because {why}"
    figures = {
        "by": "cpu" if noisy else "rate",
        "per_sec": [round(rate, 1) for rate in rates],
        "api_cpu_ms": [round(1000 / one.rate_by_cpu, 4) for one in rounds],
        "client_cpu_ms": round(client_ms, 4),
        "p99_ms": [round(one.p99_ms, 1) for one in rounds],
    }
    return Row(_TARGET, by_cpu if noisy else by_rate, detail, figures=figures)


@contextmanager
def _api(settings: Path) -> Iterator[tuple[Child, int]]:
    port = free_port()
    arguments = next(list(part.arguments) for part in children(port) if part.name == "api")
    environment = {"EASYAI_CONFIG": str(settings), "EASYAI_PORT": str(port)}
    with Child("api", arguments, settings.parent, environment) as api:
        wait_until([api], lambda: _listens(port), _START_LIMIT_SEC, "the API listens")
        yield api, port


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _round(api: Child, port: int, seconds: int, progress: Progress) -> BeatRound:
    options = [str(port), str(_SERVICES), str(_CONNECTIONS), str(seconds)]
    with (
        progress.step(f"heartbeats: {_CONNECTIONS} connections, {seconds} s") as step,
        site.fresh_folder() as folder,
        Child("beats", ["-m", "bench.beats", *options], folder, {}) as client,
    ):
        client.read_line()
        before, watch = api.cpu_seconds(), others.Others()
        client.go()
        answer = json.loads(client.read_line())
        used = api.cpu_seconds() - before
        found = BeatRound(**answer, api_cpu_seconds=used, others_cores=watch.cores())
        step.outcome = f"{found.rate:,.0f}/s"
    return found
