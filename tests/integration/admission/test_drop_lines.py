"""Drops are logged once a minute per type, with the sum since the last line."""

from __future__ import annotations

import time

import pytest

from easyai.domain.frame import FrameState, Outcome
from easyai.domain.reason import quoted
from easyai.pipeline.admission_drops import Drops
from tests.support.site import TYPE, Installation


def test_drops_within_a_minute_are_logged_in_a_single_line_with_their_sum(
    site: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops, began = Drops(site.runtime), time.monotonic()
    for frames, passed_sec in ((2, 0.0), (3, 30.0), (4, 61.0)):
        monkeypatch.setattr(time, "monotonic", lambda passed_sec=passed_sec: began + passed_sec)
        site.record(frames)
        ids = [row["id"] for row in site.frames() if row["state"] == "pending"]
        assert _drop(drops, ids) == frames
    lines = [line for line in caplog.messages if line.startswith("frames dropped: ")]
    assert lines == [
        f"frames dropped: task_type={TYPE} frames={frames} reason=queue_full: full"
        for frames in (2, 7)
    ]


def _drop(drops: Drops, ids: list[int]) -> int:
    return drops.drop(lambda _: ids, FrameState.PENDING, Outcome.QUEUE_FULL, quoted("full")).frames
