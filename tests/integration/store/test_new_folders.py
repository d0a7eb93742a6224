"""Cameras that are new where many others are known, and looks at folders take their time."""

from __future__ import annotations

import time

import pytest

from tests.integration.store.places import Folder, jpeg, listed

KNOWN, NEW = 150, 12
LOOK_SEC = 0.05  # at a clock; each folder takes two looks at least


def test_new_cameras_do_not_wait_for_a_scan_each(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = folder.store().watch()
    for number in range(KNOWN):
        folder.put(f"t/known{number:03}/1.jpg", jpeg("1"))
    assert len(listed(watch)) == KNOWN
    keys = {f"t/new{number:02}/1.jpg" for number in range(NEW)}
    for key in keys:
        folder.put(key, jpeg("2"))
    clock = [time.monotonic()]

    def ticks() -> float:
        clock[0] += LOOK_SEC
        return clock[0]

    monkeypatch.setattr(time, "monotonic", ticks)
    seen, scans = set[str](), 0
    while not keys <= seen:
        scans += 1
        seen |= {key for page in watch.listings(clock[0] + 1.0) for key in page.keys}
    # A round over all that is known takes fifteen scans: a single new folder with each was too few.
    assert scans <= 8
