"""What a look for waiting frames costs, and what becomes of a dispatcher that does not look."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from easyai.db import waiting
from easyai.pipeline import dispatcher, infer
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.dispatched import Dispatched
from easyai.pipeline.infer import InferenceLoop
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.transaction import run_transaction
from easyai.registry import registration
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import Installation
from tests.support.waiting import wait_until

MANY = [f"type-{number:03d}" for number in range(60)]


@contextmanager
def _working(site: Installation) -> Iterator[InferenceLoop]:
    loop = InferenceLoop(site.open())
    try:
        yield loop
    finally:
        loop.drain(5.0)


def _idle(site: Installation, loop: InferenceLoop) -> None:
    """Wait until a loop has looked once: from then on it looks when somebody asks."""
    wait_until(lambda: loop.overview()["last_transaction"], 5, "the loop has looked")
    assert site.count("pending") == 0


def _lease(site: Installation) -> Dispatched:
    with site.runtime.db.dispatching() as conn:
        now = site.runtime.db.estimated_now()
        return dispatch(conn, site.runtime.settings, ServiceCache(), "token", now)


def test_frames_of_all_types_are_inferred_after_a_single_look(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm, task_types=MANY)
    with _working(site) as loop:
        _idle(site, loop)
        for name in MANY:
            site.put(f"{name}/门口1/1.jpg")
        site.scan()
        assert loop.look()
        wait_until(lambda: site.count("done") == len(MANY), 10, "all types are inferred")


def test_look_is_refused_while_the_dispatcher_hangs(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infer, "_LONGEST_LOOK_SEC", 0.3)
    free = threading.Event()
    with _working(site) as loop:
        _idle(site, loop)

        def hang(*arguments: Any, **options: Any) -> Any:
            free.wait(20)
            return run_transaction(*arguments, **options)

        monkeypatch.setattr(dispatcher, "run_transaction", hang)
        assert loop.look(), "it may still look in time"
        wait_until(lambda: not loop.look(), 5, "other workers are to look")
        free.set()
        wait_until(loop.look, 5, "it looks again")
    assert not loop.look(), "it has ended"


def test_look_is_refused_while_more_frames_wait_than_a_batch(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infer, "_LONGEST_LOOK_SEC", 60.0)
    site.configure(batch_size=2)
    site.register(algorithm, task_types=MANY)
    free, leased = threading.Event(), threading.Event()
    with _working(site) as loop:
        _idle(site, loop)

        def pause(*arguments: Any, **options: Any) -> Any:
            if leased.is_set():
                free.wait(20)
            done = run_transaction(*arguments, **options)
            if done[1].frames:
                leased.set()
            return done

        monkeypatch.setattr(dispatcher, "run_transaction", pause)
        site.record(20, MANY[0])
        loop.look()
        wait_until(lambda: leased.is_set() and not loop.look(), 5, "others are to look as well")
        free.set()
        wait_until(lambda: site.count("done") == 20 and loop.look(), 10, "all is done")


def test_with_more_types_than_places_a_frame_is_read_for_each_place(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(batch_size=20, max_concurrent_infer=20)
    body = {"service_id": "s", "task_types": MANY, "endpoint": "http://127.0.0.1:9000/infer"}
    registration.register(site.runtime, body)
    for name in MANY:
        site.record(2, name)
    read: list[int] = []
    due = waiting.due

    def noted(conn: Any, wanted: Mapping[str, int], now: float) -> Any:
        read.append(sum(wanted.values()))
        return due(conn, wanted, now)

    monkeypatch.setattr(waiting, "due", noted)
    leased = _lease(site)
    assert sorted({frame.task_type for frame in leased.frames}) == sorted(
        frame.task_type for frame in leased.frames
    ), "a place for each of twenty types"
    assert (len(leased.frames), len(leased.crowded), read[0]) == (20, len(MANY), 20)


def test_places_of_a_service_are_asked_once_for_a_type(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        endpoint = f"http://127.0.0.1:{9000 + number}/infer"
        body = {"service_id": f"s{number}", "task_types": MANY[:1], "endpoint": endpoint}
        registration.register(site.runtime, body)
    site.record(2, MANY[0])
    asked: list[int] = []
    free = Places.free

    def noted(places: Places, service: Any) -> int:
        asked.append(service.pk)
        return free(places, service)

    monkeypatch.setattr(Places, "free", noted)
    assert len(_lease(site).frames) == 2
    assert len(set(asked)) < 10, "not each of the fifty services"
