"""A periodic task that hangs in the store is taken over, and does no harm when it continues."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from easyai.pipeline import picture_moves
from easyai.pipeline.intake import Scanner
from easyai.runtime import Runtime
from easyai.tasks import single_run
from easyai.tasks.single_run import claimed
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"


class Hanging:
    """A call that returns once `let_go` is set."""

    def __init__(self, call: Any) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        answer = self._call(*arguments)
        self.began.set()
        self.let_go.wait(30)
        return answer


@pytest.fixture(autouse=True)
def short_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("TTL_SEC", 1.0), ("_RENEW_EVERY_SEC", 0.2), ("LONGEST_SEC", 1.0)):
        monkeypatch.setattr(single_run, name, seconds)


@contextmanager
def hung(runtime: Runtime, task: str, run: Any, call: Hanging) -> Iterator[list[Any]]:
    """Let a periodic task hang on another machine during the block; yields its later results."""
    results: list[Any] = []

    def work() -> None:
        with claimed(runtime.db, task, 0.0) as ours:
            assert ours
            results.append(run())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert call.began.wait(10)
        yield results
    finally:
        call.let_go.set()
        thread.join(10)
        assert not thread.is_alive()


def free(runtime: Runtime, task: str) -> bool:
    """Whether a periodic task can be claimed."""
    with claimed(runtime.db, task, 0.0) as ours:
        return ours


@pytest.mark.parametrize("found", [1, 0], ids=["an alert", "no detection"])
def test_hanging_scan_is_taken_over_and_records_no_frame_twice(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch, found: int
) -> None:
    algorithm.answer = lambda frame: detections(found)
    site.register(algorithm)
    site.put(KEY)
    scanner, other = Scanner(site.open()), site.open()
    call = Hanging(scanner._watch.whole_pictures)
    monkeypatch.setattr(scanner._watch, "whole_pictures", call)  # after it has seen the picture
    with hung(site.runtime, "scan", scanner.scan, call) as results:
        assert not free(other, "scan")
        wait_until(lambda: free(other, "scan"), 10, "the claim has lapsed")
        site.work(site.loop(other))
        assert algorithm.count == 1
    assert [report.new_frames for report in results] == [0]
    assert [frame["outcome"] for frame in site.frames()] == [["no_detection", "alert"][found]]
    assert len(site.alerts()) == found


def test_hanging_sweep_is_taken_over_and_does_not_release_the_new_claim(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.record(2)
    site.execute(
        "UPDATE frames SET state = 'done', outcome = 'alert', settled_at = 1,"
        " image_target = 'alerts/' || id || '.jpg'"
    )
    runtime, other = site.open(), site.open()
    call = Hanging(runtime.store.move)
    monkeypatch.setattr(runtime.store, "move", call)
    with hung(runtime, "sweep", lambda: sweep(runtime), call):
        wait_until(lambda: free(other, "sweep"), 10, "the claim has lapsed")
        assert sweep(other).pictures == 2
        taken = claimed(other.db, "sweep", 0.0)
        assert taken.__enter__()
    assert not free(site.runtime, "sweep"), "the end of the first run ends no other's"
    taken.__exit__(None, None, None)
    assert site.pictures("") == ["alerts/1.jpg", "alerts/2.jpg"]
    assert [frame["image_path"] for frame in site.frames()] == site.pictures("")
