"""The production set-up: every part started by itself, on PostgreSQL and a broker."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support import part_process
from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.outside import Outside
from tests.support.part_process import PartProcess, celery_command, easyai_command, run_to_end
from tests.support.ports import HeldPort
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until

PEOPLE, FACES = "人数统计", "人脸检测"
AT_ONCE = 12


@dataclass(frozen=True)
class Production:
    """Two workers, a worker pinned to a task type, two beats, an API and Flower."""

    site: Outside
    workers: tuple[PartProcess, PartProcess]
    pinned: PartProcess
    beats: tuple[PartProcess, PartProcess]
    flower_url: str


@pytest.fixture(scope="module")
def production(
    postgres_server: PostgresServer,
    production_broker_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Production]:
    """Started as in the README, each process in a folder of its own."""
    postgres_server.start()
    folder = tmp_path_factory.mktemp("production")
    held, flower_held = HeldPort(), HeldPort()
    port, flower_port = held.number, flower_held.number
    environment = {
        "EASYAI_CONFIG": str(_write_config(folder, port)),
        "EASYAI_DATABASE_URL": postgres_server.create_database(),
        "EASYAI_BROKER_URL": production_broker_url,
    }
    upgraded = run_to_end(easyai_command("db", "upgrade"), environment, folder)
    assert upgraded.returncode == 0, upgraded.stderr
    site = Outside(f"http://127.0.0.1:{port}", folder / "snapshots")
    api = PartProcess(easyai_command("api"), environment, lambda _: _ok(f"{site.url}/readyz"))
    workers = tuple(part_process.worker(name, environment, "-E") for name in ("first", "second"))
    pinned = part_process.worker("faces", environment, "-Q", f"infer.{FACES}")
    beat = celery_command("beat", "-l", "INFO", "--pidfile", "")
    beats = tuple(PartProcess(beat, environment, _leads_or_stands_by) for _ in range(2))
    flower_url = f"http://127.0.0.1:{flower_port}"
    options = ("flower", "--address=127.0.0.1", f"--port={flower_port}")
    flower = PartProcess(celery_command(*options), environment, lambda _: _ok(flower_url))
    with ExitStack() as stack:
        stack.callback(held.release)
        stack.callback(flower_held.release)
        parts = [api, *workers, pinned, *beats, flower]
        for part in parts:
            stack.callback(part.close)
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(PartProcess.start, parts))
        yield Production(site, (workers[0], workers[1]), pinned, (beats[0], beats[1]), flower_url)


def test_killed_worker_loses_and_doubles_none_of_two_hundred_frames(
    production: Production,
) -> None:
    gate = threading.Event()

    async def answer(frame: Frame) -> Answer:
        await asyncio.to_thread(gate.wait)
        return detections(1)

    site = production.site
    with AlgorithmStub("both", (PEOPLE, FACES), answer, download=True) as stub:
        stub.register(site.url)
        keys = {name: site.put_many(100, name) for name in (PEOPLE, FACES)}
        try:
            # No call is answered yet: frames of this type that a worker has sent are in flight.
            holder = wait_until(lambda: _holder(production, PEOPLE), 20, "a worker in mid-work")
            wait_until(lambda: stub.running == AT_ONCE, 20, "the limit is reached")
            holder.kill()
        finally:
            gate.set()
        for task_type in (PEOPLE, FACES):
            site.assert_one_alert_each(keys[task_type], timeout=40)
        seen = Counter(stub.image_paths)
        assert set(seen) == {key for own in keys.values() for key in own}
        assert max(seen.values()) == 2, "those in flight at the kill were sent again"
        assert sum(seen.values()) <= 200 + AT_ONCE
    # Which frames of its own type it gets is a race with the others, whether it may is not.
    assert f"task_type={PEOPLE}" not in production.pinned.all_output()


def test_first_of_two_beats_leads_and_the_other_stands_by(production: Production) -> None:
    logs = sorted(beat.all_output() for beat in production.beats)
    assert sorted((" leads" in log, " stands by" in log) for log in logs) == [
        (False, True),
        (True, False),
    ]


def test_flower_lists_the_workers(production: Production) -> None:
    def listed() -> bool:
        with requests.get(f"{production.flower_url}/workers", timeout=10) as page:
            return page.ok and all(f"{name}@" in page.text for name in ("first", "second", "faces"))

    wait_until(listed, 20, "Flower lists the workers", every=0.2)


def _write_config(folder: Path, port: int) -> Path:
    config = folder / "config.toml"
    config.write_text(
        f"""
        [ai_analysis]
        lease_sec = 3
        max_concurrent_infer = {AT_ONCE}
        [frame_extractor]
        output_dir = "{folder / "snapshots"}"
        [easyai]
        data_dir = "{folder / "data"}"
        port = {port}
        """,
        encoding="utf-8",
    )
    return config


def _holder(production: Production, task_type: str) -> PartProcess | None:
    line = f"scheduling inference: task_type={task_type}"
    return next((worker for worker in production.workers if line in worker.all_output()), None)


def _leads_or_stands_by(beat: PartProcess) -> bool:
    return " leads" in beat.all_output() or " stands by" in beat.all_output()


def _ok(url: str) -> bool:
    try:
        with requests.get(url, timeout=5) as answer:
            return answer.ok
    except requests.RequestException:
        return False
