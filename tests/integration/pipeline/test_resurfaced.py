"""P4 over a power loss: a file system that loses its last seconds causes no second result."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from easyai.pipeline import picture_moves
from easyai.pipeline.alert_removal import delete_alerts
from easyai.pipeline.intake import Scanner
from easyai.store.frame_store import Carried
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import JPEG, TYPE, Installation

KEY = f"{TYPE}/门口1/1.jpg"
REFUSAL = (200, {"success": False, "error": "no"})


@pytest.mark.parametrize(
    ("answer", "state"), [(detections(2), "done"), (detections(0), "done"), (REFUSAL, "failed")]
)
def test_picture_restored_by_a_power_loss_is_not_inferred_again(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    state: str,
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.configure(max_attempts=1)
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    path = site.put(KEY)
    kept = site.snapshots.with_name("kept")
    os.link(path, kept)
    site.scan()
    site.work(site.loop())
    before = site.pictures("")
    assert KEY not in before
    for name in before:
        (site.snapshots / name).unlink()
    kept.rename(path)

    assert Scanner(site.runtime).scan().new_frames == 0
    assert sweep(site.runtime).pictures == 1
    assert site.pictures("") == before
    assert site.count(state) == 1
    assert algorithm.count == 1
    assert Scanner(site.runtime).scan().new_frames == 0


def test_new_picture_under_a_used_name_is_a_new_frame(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(1)
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    loop = site.loop()
    site.work(loop)
    site.put(KEY, JPEG)
    assert Scanner(site.runtime).scan().new_frames == 1
    site.work(loop)
    assert algorithm.count == 2
    assert len(site.alerts()) == 2


@pytest.mark.parametrize("held", [False, True], ids=["at its key", "held by an earlier attempt"])
def test_picture_missing_at_its_call_is_a_frame_again_once_it_is_back(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.register(algorithm)
    path = site.put(KEY)
    site.put(f"{TYPE}/门口2/notes.txt")  # the folder of the type is there and not empty
    site.scan()
    if held:
        (frame,) = (leased := site.lease()).frames
        site.runtime.store.hold(KEY, frame.id, frame.version)
        site.give_back(leased)
    with _away(path.parent):
        site.work(site.loop())
        assert [frame["outcome"] for frame in site.frames()] == ["missing"]

    assert Scanner(site.runtime).scan().new_frames == 1
    assert sweep(site.runtime).pictures == 0
    site.work(site.loop())
    assert [frame["outcome"] for frame in site.frames()] == ["missing", "alert"]
    assert algorithm.count == 1


@pytest.mark.parametrize(("answer", "kept"), [(detections(1), "alerts"), (REFUSAL, "failed")])
def test_picture_missing_at_its_move_is_moved_once_it_is_back(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    kept: str,
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.configure(max_attempts=1)
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    path, store = site.put(KEY), site.runtime.store
    site.put(f"{TYPE}/门口2/notes.txt")
    move = store.move

    def move_while_away(*args: Any) -> Carried:
        with _away(path.parent):
            return move(*args)

    monkeypatch.setattr(store, "move", move_while_away)
    site.work(site.loop())
    assert [frame["image_path"] for frame in site.frames()] == [""]
    monkeypatch.setattr(store, "move", move)

    assert Scanner(site.runtime).scan().new_frames == 0
    assert sweep(site.runtime).pictures == 1
    (frame,) = site.frames()
    assert site.pictures(kept) == [frame["image_path"]]
    assert [alert["image_path"] for alert in site.alerts()] in ([], [frame["image_path"]])
    assert algorithm.count == 1


def test_restored_picture_of_a_deleted_alert_is_deleted(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    site.register(algorithm)
    path = site.put(KEY)
    kept = site.snapshots.with_name("kept")
    os.link(path, kept)
    site.work(site.loop())
    delete_alerts(site.runtime, [alert["id"] for alert in site.alerts()])
    kept.rename(path)

    assert Scanner(site.runtime).scan().new_frames == 0
    assert sweep(site.runtime).pictures == 1
    assert site.pictures("") == []


@contextmanager
def _away(folder: Path) -> Iterator[None]:
    aside = folder.parents[2] / "aside"
    folder.rename(aside)
    yield
    aside.rename(folder)


def test_old_draft_of_a_sent_picture_is_deleted_at_the_start(site: Installation) -> None:
    now = time.time()
    drafts = {
        age: site.put(f"{TYPE}/门口1/.easyai-sent-{age}", modified_at=now - age)
        for age in (60, 7200)
    }
    Scanner(site.open()).scan()
    assert {age: path.exists() for age, path in drafts.items()} == {60: True, 7200: False}
