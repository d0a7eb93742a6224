"""Real installations of different sizes, and the cost of each role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from sqlalchemy import Engine, text

from bench import site
from bench.pictures import type_name
from bench.processes import BenchError, Child, session_cpu_seconds
from bench.sizing.fleet import Fleet, Measurement
from bench.throughput import algorithm
from easyai.registry import registration
from easyai.runtime import Runtime
from easyai.supervisor.children import children
from tests.support.services import PostgresServer, RedisServer

_WARM_UP_SEC = 6.0
_WARM_UP_LIMIT_SEC = 90.0
_EVEN_SEC = 2.5  # at most the frames of so many seconds may wait
_SECONDS = 10.0
_KEEPS_UP = 0.4  # share of the written frames; below it the machine was too busy to measure
_PORT = 5066
_COMMITS = text("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
_CONNECTIONS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
_SETTLED = text("SELECT count(*) FROM frames WHERE state IN ('done', 'failed', 'dropped')")
_WAITING = text("SELECT count(*) FROM frames WHERE state IN ('pending', 'leased')")

#: The costs come from these: each cost is the difference of two installations.
BASE = {
    "idle": Fleet(cameras=10, interval_sec=0, services=0),
    "folders": Fleet(cameras=2_000, interval_sec=0, services=0),
    "workers": Fleet(cameras=10, interval_sec=0, services=0, workers=4),
    "frames": Fleet(cameras=100, interval_sec=1),
    "types": Fleet(cameras=100, interval_sec=1, types=30),
    "heartbeats": Fleet(cameras=10, interval_sec=0, services=100, heartbeat_sec=1),
}
#: The model must predict these.
CHECKS = {
    "a few cameras": Fleet(cameras=10, interval_sec=1),
    "one type": Fleet(cameras=60, interval_sec=1),
    "twelve types, two workers": Fleet(cameras=100, interval_sec=2, types=12, workers=2),
    "sixty types, four workers": Fleet(cameras=200, interval_sec=4, types=60, workers=4),
    "a thousand cameras": Fleet(cameras=1_000, interval_sec=20, types=12, workers=2),
}


def measure(name: str, fleet: Fleet) -> Measurement:
    """Run an installation of this size for a while."""
    with ExitStack() as stack:
        folder = stack.enter_context(site.fresh_folder())
        servers = _servers(stack)
        endpoint = stack.enter_context(algorithm())
        settings = site.write_settings(folder, servers[1].url, servers[0].create_database())
        runtime = stack.enter_context(_installation(settings, fleet, endpoint))
        parts = _parts(stack, settings, fleet)
        root = runtime.settings.frame_extractor.output_dir
        options = [str(root), str(fleet.cameras), str(fleet.types), str(fleet.interval_sec)]
        arguments = ["-m", "bench.cameras", *options, "0", "even"]
        others = [Child("cameras", arguments, folder, {})]
        if fleet.services:
            beating = [f"http://127.0.0.1:{_PORT}", str(fleet.services), str(fleet.heartbeat_sec)]
            others.append(Child("hearts", ["-m", "bench.sizing.hearts", *beating], folder, {}))
        for one in others:
            stack.enter_context(one)
            one.read_line()
        _warm_up(name, fleet, runtime.db.engine)
        leaders = {part: [one.pid for one in own] for part, own in parts.items()}
        leaders |= {"postgresql": [servers[0].pid or 0], "redis": [servers[1].pid or 0]}
        return _watch(name, fleet, runtime.db.engine, leaders, [*others, *chain(*parts.values())])


def _servers(stack: ExitStack) -> tuple[PostgresServer, RedisServer]:
    postgres, redis = PostgresServer(), RedisServer()
    for server in (postgres, redis):
        stack.callback(server.close)
        server.start()
    return postgres, redis


@contextmanager
def _installation(settings: Path, fleet: Fleet, endpoint: str) -> Iterator[Runtime]:
    """Its task types are served by one service that answers at once."""
    with site.opened(settings) as runtime:
        types = [type_name(number) for number in range(fleet.types)]
        own = {"service_id": "bench", "name": "bench", "version": "1", "endpoint": endpoint}
        registration.register(runtime, own | {"task_types": types})
        for number in range(fleet.services):
            one = f"http://127.0.0.1:{20_000 + number}/infer"
            idle = {"service_id": f"heart-{number}", "name": "idle", "version": "1"}
            registration.register(runtime, idle | {"task_types": ["闲"], "endpoint": one})
        yield runtime


def _parts(stack: ExitStack, settings: Path, fleet: Fleet) -> dict[str, list[Child]]:
    environment = {"EASYAI_CONFIG": str(settings), "EASYAI_PORT": str(_PORT)}
    found: dict[str, list[Child]] = {}
    for one in children(_PORT):
        count = fleet.workers if one.name == "worker" else 1
        for number in range(count):
            arguments = [word.replace("worker-", f"worker{number}-") for word in one.arguments]
            child = Child(f"{one.name}{number}", arguments, settings.parent, environment)
            found.setdefault(one.name, []).append(stack.enter_context(child))
    for worker in found["worker"]:
        worker.wait_for_log(" ready.", 60)
    return found


def _warm_up(name: str, fleet: Fleet, engine: Engine) -> None:
    """Wait until the frames from before the start are settled and the pace is even."""
    time.sleep(_WARM_UP_SEC)
    deadline = time.monotonic() + _WARM_UP_LIMIT_SEC
    while fleet.interval_sec and _number(engine, _WAITING) > _EVEN_SEC * fleet.frames_per_sec:
        if time.monotonic() > deadline:
            raise BenchError(f"{name}: this machine is too busy, frames wait and wait")
        time.sleep(1.0)


def _watch(
    name: str, fleet: Fleet, engine: Engine, leaders: dict[str, list[int]], parts: list[Child]
) -> Measurement:
    before, began = _counts(engine, leaders), time.monotonic()
    connections = 0
    while time.monotonic() - began < _SECONDS:
        time.sleep(1.0)
        connections = max(connections, int(_number(engine, _CONNECTIONS)))
        for part in parts:
            part.check()
    took, after = time.monotonic() - began, _counts(engine, leaders)
    rate = {key: (after[key] - before[key]) / took for key in after}
    if fleet.interval_sec and rate["settled"] < _KEEPS_UP * fleet.frames_per_sec:
        raise BenchError(f"{name}: {rate['settled']:.0f} of {fleet.frames_per_sec:.0f} frames/s")
    if fleet.interval_sec:  # the real interval: on a busy machine cameras write late
        fleet = replace(fleet, interval_sec=round(fleet.cameras / rate["settled"], 3))
    return Measurement(
        name=name,
        fleet=fleet,
        settled_per_sec=round(rate["settled"], 1),
        cores={role: round(rate[role], 4) for role in leaders},
        commits_per_sec=round(rate["commits"], 1),
        connections=connections,
        kb_per_sec=round(rate["bytes"] / 1000, 1),
    )


def _counts(engine: Engine, leaders: dict[str, list[int]]) -> dict[str, float]:
    cpu = {role: sum(map(session_cpu_seconds, pids)) for role, pids in leaders.items()}
    found = {"commits": _number(engine, _COMMITS), "settled": _number(engine, _SETTLED)}
    return cpu | found | {"bytes": _loopback_bytes()}


def _number(engine: Engine, statement: object) -> float:
    with engine.connect() as conn:
        return float(conn.execute(statement).scalar_one())  # type: ignore[call-overload]


def _loopback_bytes() -> float:
    """The bytes over loopback: only easyai's in a separate network namespace (`unshare -n`)."""
    for line in Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines():
        device, _, numbers = line.strip().partition(":")
        if device == "lo":
            return float(numbers.split()[0])
    return 0.0
