"""Tripwire counting: a camera has a fixed endpoint, frames go singly in the order of capture."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from tests.support.algorithm_stub import AlgorithmStub, Received
from tests.support.outside import Outside

TRIPWIRE = "绊线人数统计"
CAMERAS = ("东门", "西门", "南门", "北门")
FRAMES_EACH = 10


def test_frames_of_a_camera_go_to_a_single_endpoint_sequentially_in_order_of_capture(
    site: Outside,
) -> None:
    first, other = (AlgorithmStub(name, (TRIPWIRE,), delay=0.05) for name in ("one", "other"))
    with first, other:
        first.register(site.url)
        other.register(site.url)
        names = [f"20251114-16471{number}.{618 - number}.jpg" for number in range(FRAMES_EACH)]
        keys = [f"{TRIPWIRE}/{camera}/{name}" for camera in CAMERAS for name in names]
        _arrive_at_once(site, random.Random(7).sample(keys, len(keys)))
        site.assert_one_alert_each(keys)
        # A later scan finds later frames, out of order between the cameras.
        later = [f"{TRIPWIRE}/{camera}/20251114-170000.000.jpg" for camera in reversed(CAMERAS)]
        for key in later:
            site.put(key)
        site.assert_one_alert_each(keys + later)
    for camera in CAMERAS:
        served = [_of_camera(stub, camera) for stub in (first, other)]
        (received,) = [items for items in served if items]
        _assert_sequential_in_order(received, [*names, "20251114-170000.000.jpg"])
    assert first.max_running + other.max_running > 1, "cameras do not wait for each other"


def _arrive_at_once(site: Outside, keys: Sequence[str]) -> None:
    """In this order of writing, but no scan sees a frame before the last frame is there."""
    for key in keys:
        site.put(f".arriving/{key}")
    (site.frames / ".arriving" / TRIPWIRE).rename(site.frames / TRIPWIRE)


def _of_camera(stub: AlgorithmStub, camera: str) -> list[Received]:
    return [item for item in stub.received if item.frame["task_id"] == camera]


def _assert_sequential_in_order(received: Sequence[Received], names: Sequence[str]) -> None:
    assert [item.frame["image_path"].rpartition("/")[2] for item in received] == list(names)
    for before, after in itertools.pairwise(received):
        assert before.answered_at is not None
        assert before.answered_at <= after.at
