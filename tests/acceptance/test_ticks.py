"""Ticks that piled up while no worker ran do not run in a burst when a worker returns."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.scan_times import ScanTimes
from tests.support.waiting import wait_until

PAUSED = "暂停"
PILE = 10  # ticks, 1 a second
WATCHED_SEC = 3.0


def _piled(queue: Path) -> int:
    return len(list(queue.glob("*.easyai.msg")))


def _freeze(worker: int, queue: Path) -> None:
    """Stop the worker, but not in a transaction: then beat, too, would wait for the database."""
    for _ in range(5):
        os.kill(worker, signal.SIGSTOP)
        end, before = time.monotonic() + 4, _piled(queue)
        wait_until(lambda: _piled(queue) > before + 1 or time.monotonic() > end, 6)  # noqa: B023
        if time.monotonic() <= end:
            return
        os.kill(worker, signal.SIGCONT)
    raise AssertionError("beat sends no ticks")


def test_ticks_piled_up_behind_a_frozen_worker_cause_no_burst_of_scans(
    running: EasyaiProcess, site: Outside
) -> None:
    worker = wait_until(lambda: running.child("worker"), 10, "the worker runs")
    queue = running.data / "broker" / "queue"
    with AlgorithmStub("paused", (PAUSED,)) as stub, ScanTimes(running.data / "easyai.db") as scans:
        stub.register(site.url)
        wait_until(scans.times, 5, "scans are seen")
        _freeze(worker, queue)
        try:
            keys = site.put_many(3, PAUSED)
            wait_until(lambda: _piled(queue) >= PILE, 30, "ticks pile up")
        finally:
            before = len(scans.times())
            os.kill(worker, signal.SIGCONT)
        end = time.monotonic() + WATCHED_SEC
        wait_until(lambda: scans.times() and time.monotonic() > end, WATCHED_SEC + 2)
        # A scan for the pile, then 1 a second as usual; a burst would be ten more.
        assert 1 <= len(scans.times()) - before <= WATCHED_SEC + 3
        site.assert_one_alert_each(keys)
        wait_until(lambda: not list(queue.glob("*.easyai.msg")), 5, "the pile is gone")
