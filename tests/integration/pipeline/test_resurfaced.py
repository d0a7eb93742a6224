"""P4 over a power loss: a file system that undoes its last seconds makes no second result."""

from __future__ import annotations

import os
from typing import Any

import pytest

from easyai.pipeline import pictures
from easyai.pipeline.intake import Scanner
from easyai.registry.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import JPEG, TYPE, Installation

KEY = f"{TYPE}/门口1/1.jpg"
REFUSAL = (200, {"success": False, "error": "no"})


@pytest.mark.parametrize(
    ("answer", "state"), [(detections(2), "done"), (detections(0), "done"), (REFUSAL, "failed")]
)
def test_a_picture_that_a_power_loss_brought_back_is_not_inferred_again(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    state: str,
) -> None:
    monkeypatch.setattr(pictures, "_LEFT_BEHIND_SEC", 0.0)
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


def test_a_new_picture_under_the_name_is_a_new_frame(
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
