"""A frame that breaks its only service does not block its camera; an outage fails no frame."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from easyai.domain import breaker
from easyai.pipeline import evidence
from easyai.settings.schema import TRIPWIRE
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.sqlite_only

CAMERA = "门口1"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 0.2)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_SEC", 0.2)


@pytest.mark.parametrize("how", ["breaks", "hangs"])
def test_poison_frame_fails_and_its_camera_continues_in_order(site: Installation, how: str) -> None:
    site.configure(infer_timeout_sec=0.3)
    keys = site.put_many(12, TRIPWIRE, CAMERA)
    poison, others = keys[2], keys[:2] + keys[3:]
    answer = detections(1) if how == "hangs" else (500, {})

    def delay(frame: Frame) -> float:
        return 1.0 if how == "hangs" and frame["image_path"] == poison else 0.0

    with AlgorithmStub(task_types=(TRIPWIRE,), delay=delay) as stub:
        stub.answer = lambda frame: answer if frame["image_path"] == poison else detections(1)
        site.register(stub)
        loop = site.loop()
        site.scan()

        def others_done() -> bool:
            loop.pump(TRIPWIRE, 0.2)
            return site.count("done") == len(others)

        wait_until(others_done, 15, "its camera goes on")
        assert [path for path in stub.image_paths if path != poison] == others
        assert site.frame(poison)["state"] == "pending"
        # Later tries, after other frames were answered. If the service hangs, its breaker has
        # opened, and the frame had another try when the breaker closed.
        for number in range(2 if how == "hangs" else 3):
            site.put(f"{TRIPWIRE}/门口2/{number}.jpg")
            others.append(f"{TRIPWIRE}/门口2/{number}.jpg")
            site.scan()
            wait_until(others_done, 10, "another camera's frame")
            site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
            loop.pump(TRIPWIRE, 0.5)
            wait_until(lambda: site.count("leased") == 0, 5, "the call is settled")
        assert stub.image_paths.count(poison) == 6
    frame = site.frame(poison)
    assert (frame["state"], frame["outcome"], frame["attempts"]) == ("failed", "failed", 3)
    assert site.pictures("failed") == [f"failed/{poison}"]
    assert len(site.alerts()) == len(others)


def test_frames_of_a_broken_service_wait_and_run_in_order_when_it_is_back(
    site: Installation,
) -> None:
    keys = site.put_many(8, TRIPWIRE, CAMERA)
    site.scan()
    with AlgorithmStub(task_types=(TRIPWIRE,), answer=lambda frame: (500, {})) as stub:
        site.register(stub)
        loop = site.loop()
        ends_at = time.monotonic() + 3
        while time.monotonic() < ends_at:
            loop.pump(TRIPWIRE, 0.2)
        wait_until(lambda: site.count("leased") == 0, 5, "the last call is settled")
        assert {(frame["state"], frame["attempts"]) for frame in site.frames()} == {("pending", 0)}
        assert len(set(stub.image_paths)) > 1, "others were tried, too"
        stub.forget()
        stub.answer = lambda frame: detections(1)
        site.work(loop, TRIPWIRE)
        assert sorted(stub.image_paths) == keys
        trial, *rest = stub.image_paths
        assert rest == [key for key in keys if key != trial], "all but the trial in order"
    assert {frame["outcome"] for frame in site.frames()} == {"alert"}


def test_only_waiting_frame_never_fails_on_a_broken_service(site: Installation) -> None:
    site.put_many(1, TRIPWIRE, CAMERA)
    site.scan()
    with AlgorithmStub(task_types=(TRIPWIRE,), answer=lambda frame: (500, {})) as stub:
        site.register(stub)
        loop = site.loop()

        def tried_often() -> bool:
            site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
            loop.pump(TRIPWIRE, 0.2)
            return stub.count >= 8

        wait_until(tried_often, 15, "tried often")
        wait_until(lambda: site.count("leased") == 0, 5, "the last call is settled")
    (frame,) = site.frames()
    assert (frame["state"], frame["attempts"]) == ("pending", 0)


def test_suspect_service_gets_only_frames_that_no_other_can_take(site: Installation) -> None:
    with AlgorithmStub("online") as online, AlgorithmStub("suspect", delay=0.2) as suspect:
        site.register(online)
        pk = site.register(suspect)
        doubt = "UPDATE services SET state = 'suspect' WHERE pk = :pk"
        site.execute(doubt, pk=pk)
        site.put_many(40)
        loop = site.loop()
        site.work(loop)
        assert (online.count, suspect.count) == (40, 0)
        site.execute("UPDATE services SET max_concurrency = 2 WHERE pk <> :pk", pk=pk)
        online.delay = 0.2
        site.put_many(6, TYPE, "门口2")
        site.work(loop)
        assert suspect.count == 4
    assert site.service(pk)["state"] == "online", "and its answers are evidence"


def test_picture_that_hangs_a_healthy_service_fails_without_lowering_its_limit(
    site: Installation,
) -> None:
    site.configure(infer_timeout_sec=0.4)
    poison = f"{TYPE}/门口1/poison.jpg"

    def delay(frame: Frame) -> float:
        return 3.0 if frame["image_path"] == poison else 0.0

    with AlgorithmStub(delay=delay) as stub:
        pk = site.register(stub)
        site.put(poison)
        loop = site.loop()
        number = 0

        def failed() -> bool:
            nonlocal number
            for _ in range(4):
                number += 1
                site.put(f"{TYPE}/门口2/{number}.jpg")
            site.scan()
            loop.pump(TYPE, 0.15)
            return bool(site.frame(poison)["state"] == "failed")

        wait_until(failed, 30, "it fails")
        frame = site.frame(poison)
        assert (frame["outcome"], frame["attempts"]) == ("failed", 3)
        assert "no answer within 0.4 s" in frame["reason"]
        assert stub.image_paths.count(poison) == 3
        assert site.service(pk)["concurrency_cap"] is None
    assert site.pictures("failed") == [f"failed/{poison}"]


def test_picture_that_hangs_a_service_with_a_single_place_fails(
    site: Installation,
) -> None:
    site.configure(infer_timeout_sec=0.3)
    poison = f"{TYPE}/门口1/poison.jpg"

    def delay(frame: Frame) -> float:
        return 1.0 if frame["image_path"] == poison else 0.0

    with AlgorithmStub(delay=delay) as stub:
        pk = site.register(stub)
        site.execute("UPDATE services SET max_concurrency = 1 WHERE pk = :pk", pk=pk)
        site.put(poison)
        loop = site.loop()
        number = 0

        def failed() -> bool:
            nonlocal number
            number += 1
            site.put(f"{TYPE}/门口2/{number}.jpg")
            site.scan()
            loop.pump(TYPE, 0.3)
            return bool(site.frame(poison)["state"] == "failed")

        wait_until(failed, 30, "it fails")
        others = [row for row in site.frames() if row["key"] != poison and row["state"] == "done"]
    assert others
    assert {row["outcome"] for row in others} == {"alert"}


def test_hanging_pictures_in_every_place_delay_other_frames_only_briefly(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Like the defaults at a fortieth of the time: a retry comes long before a time-out.
    monkeypatch.setattr(breaker, "LONGEST_RETRY_SEC", 0.125)
    monkeypatch.setattr(evidence, "LONGEST_RETRY_SEC", 0.125)
    monkeypatch.setattr(breaker, "_CAP_GROWS_EVERY_SEC", 0.025)
    site.configure(infer_timeout_sec=0.75)
    hanging = [f"{TYPE}/门口1/hang{number}.jpg" for number in range(4)]

    def delay(frame: Frame) -> float:
        return 5.0 if frame["image_path"] in hanging else 0.01

    with AlgorithmStub(delay=delay) as stub:
        pk = site.register(stub)
        site.execute("UPDATE services SET max_concurrency = 4 WHERE pk = :pk", pk=pk)
        site.put(f"{TYPE}/门口2/first.jpg")
        site.scan()
        loop = site.loop()
        loop.pump(TYPE, 1.0)
        for key in hanging:
            site.put(key)
        number = 0

        def all_failed() -> bool:
            nonlocal number
            number += 1
            site.put(f"{TYPE}/门口2/{number}.jpg")
            site.scan()
            loop.pump(TYPE, 0.1)
            return all(site.frame(key)["state"] == "failed" for key in hanging)

        wait_until(all_failed, 40, "they fail")
        calls = Counter(stub.image_paths)
        assert max(calls[key] for key in hanging) <= 10, calls  # 23 in 40 s if they never fail
        rows = [row for row in site.frames() if row["outcome"] == "alert"]
        waited = sorted(row["settled_at"] - row["found_at"] for row in rows)
        assert waited[-1] < 6, waited[-5:]


def test_frames_that_time_out_from_overload_do_not_fail(
    site: Installation,
) -> None:
    site.configure(infer_timeout_sec=0.4, max_attempts=2)
    one_at_a_time = asyncio.Lock()

    async def answer(frame: Frame) -> Any:
        async with one_at_a_time:
            await asyncio.sleep(0.03)
        return detections(1)

    with AlgorithmStub(answer=answer) as stub:
        site.register(stub)
        site.put_many(60)
        loop = site.loop()

        def done() -> bool:
            site.scan()
            loop.pump(TYPE, 0.3)
            site.execute("UPDATE services SET breaker_open_until = 0")
            return site.count("done") == 60

        wait_until(done, 60, "all are inferred in the end")
    assert {frame["outcome"] for frame in site.frames()} == {"alert"}
