"""Workers serve every task type, whenever it appeared, and survive faults around them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from easyai.db import clock
from easyai.db.migrate import upgrade
from easyai.errors import StoreClaimedError
from easyai.pipeline import intake
from easyai.registry.watch import record_check
from easyai.tasks import periodic
from easyai.tasks.config import SCAN_TASK
from easyai.tasks.lifecycle import open_inference
from easyai.tasks.process import WorkerProcess
from easyai.tasks.queues import queue_name
from tests.integration.celery.conftest import ON_EMBEDDED_BROKER, ON_REDIS, MakeInstallation
from tests.integration.celery.installation import Installation, wait_for_frames
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import step_clocks
from tests.support.services import RedisServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pytest_celery import CeleryTestSetup

FACES = "人脸.v2"
PEOPLE = "人数统计"
LONG = "很长的类型" * 14


@pytest.fixture
def process(
    make_installation: MakeInstallation, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerProcess]:
    """The parts of a worker of an installation, in the test's process."""
    installation = make_installation()
    made = WorkerProcess(installation.app)
    monkeypatch.setattr(made, "runtime", lambda: installation.runtime)
    yield made
    made.close()


def test_type_first_seen_after_the_worker_started_is_served(
    celery_setup: CeleryTestSetup, installation: Installation, algorithm: AlgorithmStub
) -> None:
    assert celery_setup.ready(control=True)
    installation.beat()
    installation.register(algorithm, FACES)
    installation.add_frame(FACES, "1")
    wait_for_frames(algorithm, 1, celery_setup.worker)
    installation.register(algorithm, FACES, PEOPLE, LONG)
    for task_type in (PEOPLE, LONG):
        installation.add_frame(task_type, "1")
    wait_for_frames(algorithm, 3, celery_setup.worker)
    # Frames in flight would be inferred again, because their leases are taken back at once.
    wait_until(lambda: installation.done() == 3, 10, "the answers are settled")
    celery_setup.worker.kill()
    for task_type in (FACES, PEOPLE, LONG):
        installation.add_frame(task_type, "2")
    successor = installation.worker()
    wait_for_frames(algorithm, 6, successor)
    assert installation.queues_of(successor) == {
        "easyai",
        *(queue_name(task_type) for task_type in (FACES, PEOPLE, LONG)),
    }


@ON_EMBEDDED_BROKER
def test_frames_are_inferred_without_any_scan_where_the_folder_is_watched(
    make_installation: MakeInstallation, broker_url: str, algorithm: AlgorithmStub
) -> None:
    installation = make_installation(broker_url=broker_url, watches=True)
    installation.register(algorithm, FACES, PEOPLE)
    worker = installation.worker()
    worker.ready()
    wait_until(lambda: "frame folder watched" in worker.logs(), 20, "watched")
    for number in range(20):
        installation.add_frame((FACES, PEOPLE)[number % 2], str(number))
    wait_for_frames(algorithm, 20, worker)
    wait_until(lambda: installation.done() == 20, 10, "the answers are settled")
    assert algorithm.count == 20


@ON_REDIS
def test_worker_pinned_to_a_queue_serves_only_that_queue(
    installation: Installation, algorithm: AlgorithmStub
) -> None:
    installation.register(algorithm, FACES, PEOPLE)
    worker = installation.worker("-Q", queue_name(FACES))
    worker.ready()
    for task_type in (PEOPLE, FACES):
        installation.add_frame(task_type, "1")
    for _ in range(3):
        installation.app.send_task(SCAN_TASK)
    # The pinned worker, woken by the registration, may have taken its frame already.
    assert {PEOPLE} <= set(intake.scan(installation.runtime).waiting) <= {FACES, PEOPLE}
    for task_type in (PEOPLE, FACES):
        installation.runtime.doorbell.ring_all([task_type])
    wait_for_frames(algorithm, 1, worker)
    assert algorithm.received[0].frame["task_type"] == FACES
    assert installation.queues_of(worker) == {queue_name(FACES)}
    unpinned = installation.worker()
    wait_for_frames(algorithm, 2, unpinned)


def test_worker_started_before_its_database_logs_once_and_then_works(
    make_installation: MakeInstallation, algorithm: AlgorithmStub
) -> None:
    installation = make_installation()
    worker = installation.worker()
    installation.beat()
    complaint = "task types not read"
    wait_until(lambda: complaint in worker.logs(), 30, "the worker misses its database")
    upgrade(installation.settings.easyai.effective_database_url)
    installation.register(algorithm, PEOPLE)
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker)
    lines = worker.logs().splitlines()
    assert sum(complaint in line and "ERROR" in line for line in lines) == 1


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_solo_and_prefork_pools_of_an_own_celeryconfig_work(
    make_installation: MakeInstallation, algorithm: AlgorithmStub, pool: str
) -> None:
    installation = make_installation()
    (installation.folder / "celeryconfig.py").write_text(
        f"from easyai.tasks.defaults import *\nworker_pool = {pool!r}\nworker_concurrency = 2\n",
        encoding="utf-8",
    )
    installation.register(algorithm, PEOPLE)
    worker = installation.worker()
    installation.beat()
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker)
    worker.kill("SIGTERM")
    assert worker.process.returncode == 0
    assert "Traceback" not in worker.logs()


def test_workers_and_beat_continue_after_a_broker_restart(
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    redis_url: str,
    redis_server: RedisServer,
) -> None:
    installation = make_installation(broker_url=redis_url)
    installation.register(algorithm, PEOPLE)
    worker = installation.worker()
    beat = installation.beat()
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker)
    redis_server.stop()
    wait_until(lambda: "broker does not answer" in beat.logs(), 20, "beat notices")
    installation.add_frame(PEOPLE, "2")
    redis_server.start()
    wait_for_frames(algorithm, 2, worker, beat)


def test_worker_and_scan_refuse_a_store_claimed_by_another_installation(
    make_installation: MakeInstallation,
) -> None:
    installation = make_installation()
    installation.add_frame(PEOPLE, "1")
    installation.runtime.store.claim(b'{"installation": "another", "host": "elsewhere"}')
    with pytest.raises(StoreClaimedError, match="host elsewhere"):
        periodic._scan(WorkerProcess(None), installation.runtime)
    worker = installation.worker()
    assert worker.process.wait(30) == os.EX_CONFIG
    assert "the worker ends: the frame store is used by another installation" in worker.logs()
    with installation.runtime.db.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM frames").scalar_one() == 0


@ON_EMBEDDED_BROKER
def test_starting_worker_takes_back_the_frames_of_a_killed_worker(
    installation: Installation, algorithm: AlgorithmStub
) -> None:
    installation.register(algorithm, PEOPLE)
    installation.add_frame(PEOPLE, "1")
    algorithm.delay = 100.0
    worker = installation.worker()
    installation.runtime.doorbell.ring_all(intake.scan(installation.runtime).waiting)
    wait_until(lambda: algorithm.running == 1, 30, "the frame is in flight")
    worker.kill()
    algorithm.delay = 0.0
    installation.worker()  # without a beat no sweep would find the frame
    wait_until(lambda: installation.done() == 1, 20, "it is inferred again")


def test_worker_stopped_while_waiting_for_the_api_opens_no_inference(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bool] = []
    monkeypatch.setattr(process, "inference", lambda: opened.append(True))
    open_inference(process)
    assert opened == [True]
    monkeypatch.setattr(process.api_wait, "wait", process.stop_leasing)
    open_inference(process)
    assert opened == [True]


def test_worker_sees_clock_jumps_from_its_start_on(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = step_clocks(monkeypatch)
    monkeypatch.setattr(process, "inference", lambda: None)  # opened last, and not needed here
    open_inference(process)
    step[0] = 3600.0
    runtime = process.runtime()
    with runtime.db.write() as conn:
        watch = record_check(conn, runtime, clock.now(conn))
    assert watch.jump_sec == pytest.approx(3600, abs=5)
