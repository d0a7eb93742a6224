"""Many workers on a shared ledger: in threads, in processes, stopped and killed."""

from __future__ import annotations

import contextlib
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from easyai.pipeline import picture_moves, transaction
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.dispatched import Dispatched
from easyai.pipeline.frame_log import Counts
from easyai.pipeline.infer import InferenceLoop
from easyai.pipeline.settle import settle
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
Worker = subprocess.Popen[str]


@contextlib.contextmanager
def _workers(site: Installation, count: int) -> Iterator[list[Worker]]:
    command = [sys.executable, "-m", "tests.integration.pipeline.worker_process"]
    started = [
        subprocess.Popen(
            [*command, str(site.config), TYPE],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for worker in started:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        yield started
    finally:
        for worker in started:
            worker.terminate()
        errors = [worker.communicate(timeout=30)[1] for worker in started]
    assert not any("Traceback" in text or "not written" in text for text in errors), errors


def _half(frame: Frame) -> object:
    return detections(int(frame["image_path"][-5]) % 2)


def test_two_processes_call_and_settle_every_frame_exactly_once(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(batch_size=8)
    algorithm.answer = _half
    site.register(algorithm)
    with _workers(site, 2):
        keys = site.put_many(400)
        wait_until(lambda: site.count("done") == 400, 30, "all frames are done")
    assert sorted(algorithm.image_paths) == keys
    assert len(site.alerts()) == len(site.pictures("alerts")) == len(site.pictures("")) == 200
    sums = "sum(requests) AS requests, sum(moves) AS moves, sum(moves_failed) AS moves_failed"
    assert site.rows(f"SELECT {sums} FROM statistics WHERE bucket = 0") == [
        {"requests": 400, "moves": 200, "moves_failed": 0}
    ]


def test_killed_worker_loses_no_frame_and_duplicates_none(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(lease_sec=0.5)
    algorithm.delay = 0.02
    site.register(algorithm)
    site.put_many(300)
    with _workers(site, 2) as workers:
        algorithm.wait_for(50)
        workers[0].kill()

        def done() -> bool:
            sweep(site.runtime)
            return site.count("done") == 300

        wait_until(done, 30, "all frames are done")
    assert len({alert["frame_id"] for alert in site.alerts()}) == len(site.alerts()) == 300
    # Pictures that the killed worker settled but did not move, or moved but did not record.
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    sweep(site.runtime)
    assert site.pictures("") == sorted(alert["image_path"] for alert in site.alerts())
    assert {frame["image_target"] for frame in site.frames()} == {None}


def test_two_loops_on_a_ledger_never_wait_for_each_others_rows(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    site.configure(batch_size=2, max_concurrent_infer=30)
    with AlgorithmStub("second") as second:
        for stub in (algorithm, second):
            site.register(stub)
        site.put_many(500)
        site.scan()
        loops = [site.loop(site.open()) for _ in range(2)]
        with contextlib.ExitStack() as stack:
            for loop in loops:
                stack.enter_context(loop.pumped(TYPE))
            wait_until(lambda: site.count("done") == 500, 60, "all frames are done")
    assert "trying again" not in caplog.text
    assert "Traceback" not in caplog.text


def test_drain_finishes_frames_in_flight(site: Installation, algorithm: AlgorithmStub) -> None:
    algorithm.delay = 0.3
    site.configure(max_concurrent_infer=10)
    site.register(algorithm)
    site.put_many(30)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    algorithm.wait_for(10)
    loop.drain(10.0)
    assert (site.count("done"), site.count("leased"), site.count("pending")) == (10, 0, 20)
    assert len(site.pictures("alerts")) == len(site.alerts()) == algorithm.count == 10


def test_drain_out_of_time_returns_its_frames_at_once(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.delay = 60.0
    site.register(algorithm)
    site.put_many(5)
    site.scan()
    loop = site.loop()
    with ThreadPoolExecutor(1) as pool:
        pumping = pool.submit(loop.pump, TYPE, 30.0)
        algorithm.wait_for(5)
        began = time.monotonic()
        loop.drain(0.3)
        assert time.monotonic() - began < 5
        assert pumping.result(5).frames == 5
    assert (site.count("pending"), site.count("leased")) == (5, 0)
    algorithm.delay = 0.0
    site.work(site.loop())
    assert len(site.alerts()) == 5


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("hangs", [False, True])
def test_drain_logs_the_counts_that_are_not_yet_logged(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture, hangs: bool
) -> None:
    caplog.set_level(logging.INFO)
    site.configure(max_concurrent_infer=1)
    site.register(algorithm)
    loop = site.loop()
    for number in range(3):  # a log line now, and two due in ten seconds
        site.put(f"{TYPE}/门口1/{number}.jpg")
        site.work(loop)
    if hangs:
        algorithm.delay = 60.0
        site.put(f"{TYPE}/门口1/3.jpg")
        site.scan()
        loop.pump(TYPE, 0.1)
        algorithm.wait_for(4)
    loop.drain(0.3)
    lines = "\n".join(record.message for record in caplog.records)
    assert sum(map(int, re.findall(r"finished=(\d+)", lines))) == 3
    assert sum(map(int, re.findall(rf"task_type={TYPE} frames=(\d+)", lines))) == 3 + hangs


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_leases_are_held_while_their_answers_are_being_settled(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Event(), threading.Event()

    def slowly(*arguments: Any, **options: Any) -> Any:
        entered.set()
        go.wait(10)
        return settle(*arguments, **options)

    monkeypatch.setattr(transaction, "settle", slowly)
    site.register(algorithm)
    site.put_many(1)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    assert entered.wait(10)
    (frame,) = site.frames()
    held = loop._dispatcher.tokens()
    go.set()
    assert held == {frame["lease_token"]}


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_drained_loop_can_be_drained_again(site: Installation) -> None:
    loop = site.loop()
    loop.drain(1.0)
    loop.drain(1.0)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_wake_does_not_block_and_returns_the_counts_since_the_last(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.delay = 0.3
    site.register(algorithm)
    site.put_many(5)
    site.scan()
    loop = InferenceLoop(site.open())
    began = time.monotonic()
    assert loop.wake(TYPE) == Counts()
    assert time.monotonic() - began < 0.2
    wait_until(lambda: site.count("done") == 5, 10, "inferred without a further wake")
    counts = Counts()

    def all_counted() -> bool:
        counts.add(loop.wake(TYPE))  # answers may be settled in two groups
        return counts == Counts(5, 5, 5)

    wait_until(all_counted, 5, "and counted")
    assert loop.wake(TYPE) == Counts()
    loop.drain(5.0)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_frames_found_during_a_call_need_a_single_wake(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.delay = 0.5
    site.register(algorithm)
    site.put(f"{TYPE}/门口1/1.jpg")
    site.scan()
    loop = site.loop()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(loop.pump, TYPE, 5.0)
        algorithm.wait_for(1)
        site.put(f"{TYPE}/门口1/2.jpg")
        site.scan()
        loop.wake(TYPE)
        assert first.result().finished == 2


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_calls_longer_than_the_budget_are_settled_without_a_wake(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.delay = 0.5
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    loop = site.loop()
    assert loop.pump(TYPE, 0.1).finished == 0
    wait_until(lambda: site.count("done") == 3, 10, "settled without a further wake")
    wait_until(lambda: len(site.pictures("alerts")) == 3, 10, "and carried")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_wake_during_an_empty_dispatch_is_not_lost(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, woken = threading.Semaphore(0), threading.Event()

    def slowly(*arguments: Any, **options: Any) -> Dispatched:
        found = dispatch(*arguments, **options)
        looked.release()
        woken.wait(10)
        return found

    monkeypatch.setattr(transaction, "dispatch", slowly)
    site.register(algorithm)
    loop = site.loop()
    with ThreadPoolExecutor(1) as pool:
        pumping = pool.submit(loop.pump, TYPE, 5.0)
        assert looked.acquire(timeout=10)
        loop.wake(TYPE)
        woken.set()
        assert looked.acquire(timeout=10), "it looks again"
        assert pumping.result().frames == 0


def test_services_and_frames_are_locked_before_statistics(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    # Every settling updates the same row of the statistics: a worker that locks this row before
    # a service could deadlock with a worker that locks them in the other order.
    transactions: list[list[str]] = [[]]

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        transactions[-1].append(" ".join(statement.split()))

    def end(_conn: Any) -> None:
        transactions.append([])

    algorithm.answer = _half
    site.configure(batch_size=4)
    site.register(algorithm)
    site.put_many(60)
    site.scan()
    runtime = site.open()
    event.listen(runtime.db.engine, "before_cursor_execute", note)
    event.listen(runtime.db.engine, "commit", end)
    loop = site.loop(runtime)
    wait_until(lambda: bool(loop.pump(TYPE, 1.0)) and site.count("done") == 60, 10, "all is done")
    loop.drain(5.0)
    counting = [
        statements
        for statements in transactions
        if any("INTO statistics" in text for text in statements)
    ]
    assert counting
    for statements in counting:
        (place,) = [number for number, text in enumerate(statements) if "INTO statistics" in text]
        rest = [
            text for text in statements[place:] if "services SET" in text or "image_path" in text
        ]
        assert not [text for text in rest if not text.startswith("SELECT")], statements
