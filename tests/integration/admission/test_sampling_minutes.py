"""Sampling over minutes of load, with the scans, limits, drops and statistics of a real ledger."""

from __future__ import annotations

import pytest

from tests.integration.admission.minutes import Minutes
from tests.support.site import TYPE, Installation

pytestmark = pytest.mark.sqlite_only

AUTO = f'[ai_analysis.types."{TYPE}"]\nsampling = "auto"'


# 16.6 frames a second, with short and with long calls
@pytest.mark.parametrize(("places", "call_sec"), [(5, 0.3), (48, 2.9)])
def test_emptied_queue_and_falling_load_do_not_raise_sampling(
    site: Installation, monkeypatch: pytest.MonkeyPatch, places: int, call_sec: float
) -> None:
    site.configure(AUTO, max_queue_size=100, queue_full_strategy="latest_only")
    minutes = Minutes(site, monkeypatch, places, call_sec)
    assert set(minutes.run(25, 60)[30:]) == {2}
    before = site.count("dropped")
    minutes.run(250, 1)
    assert minutes.waiting[-1] <= 5, "one of each camera"
    assert site.count("dropped") > before + 125, "those sampled out, and those of the queue"
    assert set(minutes.run(25, 60)) == {2}

    minutes.call_sec = 0.05
    quiet = minutes.run(5, 45)
    assert set(quiet[30:]) == {1}
    changes = site.rows("SELECT text FROM events WHERE kind = 'sampling_changed' ORDER BY id")
    assert [change["text"].partition(":")[0] for change in changes] == [
        "1 of 2 frames of each camera is inferred, before that 1 of 1",
        "1 of 1 frame of each camera is inferred, before that 1 of 2",
    ]


def test_sampling_protects_slow_algorithms_without_a_drop(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(AUTO, max_queue_size=200, queue_full_strategy="drop_oldest")
    minutes = Minutes(site, monkeypatch, places=2, call_sec=0.4)  # 5 frames a second
    ns = minutes.run(18, 130)
    assert 4 <= ns[45] <= 6
    assert max(ns) <= 6
    assert minutes.waiting[-1] < 30
    assert not site.rows("SELECT id FROM frames WHERE outcome = 'queue_full'")


def test_sampling_ends_when_algorithms_become_fast(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(AUTO)
    minutes = Minutes(site, monkeypatch, places=4, call_sec=4.0)  # a frame a second
    slow = minutes.run(5, 90)
    assert slow[-1] >= 6
    minutes.call_sec = 0.05
    fast = minutes.run(5, 90)
    assert set(fast[60:]) == {1}
