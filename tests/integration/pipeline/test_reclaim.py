"""Leases of ended processes are reclaimed at once; processes that may live keep theirs."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from easyai.db import leases, ledger, waiting
from easyai.pipeline.reclaim import reclaim
from easyai.system.identity import mark, start_ticks
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

HERE = mark().split(".")[0]


class Worker:
    """A process of this machine that holds leases."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
        self.mark = f"{HERE}.{self.process.pid}.{start_ticks(self.process.pid)}"

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A living worker."""
    made = Worker()
    yield made
    made.kill()


def _lease(site: Installation, owner: str, most: int = 2) -> None:
    """Lease frames in the name of the process with this mark."""
    token = f"{owner}.{secrets.token_hex(3)}-1"
    with site.runtime.db.dispatching() as conn:
        frames = waiting.due(conn, {TYPE: most}, 4e9)[TYPE]
        (service,) = conn.exec_driver_sql("SELECT pk FROM services").scalars()
        ledger.lease(conn, [(frame, service) for frame in frames], token, 4e9, 4e9 + 15)


def _site_with_frames(site: Installation, worker: Worker) -> None:
    site.register(AlgorithmStub())
    site.record(6)
    _lease(site, worker.mark)
    _lease(site, mark())
    _lease(site, f"000000000000.{worker.process.pid}.1")  # another machine
    assert site.count("leased") == 6


def test_reclaim_returns_only_leases_of_ended_processes(site: Installation, worker: Worker) -> None:
    _site_with_frames(site, worker)
    os.kill(worker.process.pid, signal.SIGSTOP)
    assert reclaim(site.runtime) == {}, "a process that is stopped may go on"
    worker.kill()
    assert reclaim(site.runtime) == {TYPE: 2}
    assert (site.count("leased"), site.count("pending")) == (4, 2)
    (event,) = site.rows("SELECT text FROM events WHERE kind = 'leases_expired'")
    assert "has ended" in event["text"]


def test_sweep_reclaims_leases_of_ended_processes(site: Installation, worker: Worker) -> None:
    _site_with_frames(site, worker)
    assert sweep(site.runtime).expired_leases == 0
    worker.kill()
    assert sweep(site.runtime).expired_leases == 2


def test_reclaim_resets_the_wake_of_an_ended_process(site: Installation, worker: Worker) -> None:
    _site_with_frames(site, worker)
    site.execute("UPDATE task_types SET rung_at = 4e9")
    worker.kill()
    reclaim(site.runtime)
    assert site.rows("SELECT rung_at FROM task_types") == [{"rung_at": 0.0}]


def test_reclaim_wakes_living_workers(
    site: Installation, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(site.runtime.doorbell, "ring_all", rung.extend)
    _site_with_frames(site, worker)
    worker.kill()
    reclaim(site.runtime)
    assert rung == [TYPE]


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_reclaim_skips_a_frame_locked_by_another_transaction(
    site: Installation, worker: Worker
) -> None:
    _site_with_frames(site, worker)
    worker.kill()
    with ThreadPoolExecutor(1) as pool, site.runtime.db.write() as conn:
        conn.exec_driver_sql(
            "SELECT id FROM frames WHERE lease_token LIKE %s LIMIT 1 FOR UPDATE",
            (f"{worker.mark}%",),
        )
        assert pool.submit(reclaim, site.open()).result(10) == {TYPE: 1}
    assert reclaim(site.runtime) == {TYPE: 1}


def test_lease_of_a_periodic_task_is_free_when_its_process_ended(
    site: Installation, worker: Worker
) -> None:
    def acquire(name: str) -> bool:
        with site.runtime.db.write() as conn:
            return leases.acquire(conn, "scan", name, 10.0, 1e9)

    assert acquire(f"host:{worker.process.pid}:{worker.mark}:abcd")
    os.kill(worker.process.pid, signal.SIGSTOP)
    assert not acquire("another")
    worker.kill()
    assert acquire("another")
    assert not acquire("a third"), "that holder is of no process that can be judged"


def test_inference_loop_puts_its_mark_into_lease_tokens(site: Installation) -> None:
    loop = site.loop()
    assert loop._context.next_token().startswith(f"{mark()}.")
