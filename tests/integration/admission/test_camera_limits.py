"""`max_frame_count` drops the oldest waiting frames of its camera only, and counts them."""

from __future__ import annotations

import pytest

from easyai.db.frames import FrameFilter
from easyai.domain.frame import FrameState
from easyai.pipeline import max_frame_count
from easyai.pipeline.operator_statistics import inference_stats
from easyai.pipeline.requeue import requeue
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

FALLS = "跌倒"
REASON = "more than 3 frames of this camera waited (max_frame_count)"


@pytest.fixture(autouse=True)
def _look_at_every_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(max_frame_count, "_EVERY_SEC", 0.0)


def _limit(site: Installation, limit: int, camera: str = "门口1", task_type: str = TYPE) -> None:
    site.configure(
        f'[[frame_extractor.tasks]]\nid = "{camera}"\ntask_type = "{task_type}"\n'
        f"max_frame_count = {limit}\n"
    )


def _waiting(site: Installation, camera: str, task_type: str = TYPE) -> list[int]:
    return [
        frame["id"]
        for frame in site.frames()
        if frame["state"] in ("pending", "parked")
        and (frame["task_id"], frame["task_type"]) == (camera, task_type)
    ]


@pytest.mark.parametrize("served", [True, False])
def test_camera_over_its_limit_loses_its_oldest_waiting_frames_only(
    site: Installation, served: bool
) -> None:
    _limit(site, 3)
    if served:
        site.register(AlgorithmStub(task_types=(TYPE, FALLS)))
    site.record(5)  # 1 to 5
    site.record(5, camera="门口2")  # 6 to 10
    site.record(5, FALLS)  # 11 to 15
    site.scan()
    assert _waiting(site, "门口1") == [3, 4, 5]
    assert _waiting(site, "门口2") == [6, 7, 8, 9, 10]
    assert _waiting(site, "门口1", FALLS) == [11, 12, 13, 14, 15]
    dropped = [frame for frame in site.frames() if frame["state"] == "dropped"]
    assert [(frame["id"], frame["outcome"], frame["reason"]) for frame in dropped] == [
        (1, "queue_full", REASON),
        (2, "queue_full", REASON),
    ]
    assert len(site.pictures("")) == 13, "the pictures of those given up are deleted"
    assert inference_stats(site.runtime)["dropped_total"] == 2
    (event,) = site.rows("SELECT subject, text FROM events WHERE kind = 'frames_dropped'")
    assert event["subject"] == TYPE
    assert REASON in event["text"]


def test_camera_limit_drops_older_parked_frames_before_newer_pending_frames(
    site: Installation,
) -> None:
    _limit(site, 3)
    site.record(2)
    site.scan()
    assert {frame["state"] for frame in site.frames()} == {"parked"}
    site.register(AlgorithmStub(task_types=(TYPE,)))
    site.record(2)
    site.execute("UPDATE frames SET captured_at = 10 + captured_at WHERE id > 2")
    site.scan()
    assert _waiting(site, "门口1") == [2, 3, 4], "parked and pending ones are counted together"


def test_camera_limit_drops_by_capture_time_over_several_scans(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(max_frame_count, "AT_ONCE", 2)
    monkeypatch.setattr(max_frame_count, "_BUDGET_SEC", 0.0)
    _limit(site, 3)
    site.record(8)
    # Recorded in another order than captured, as after a network cut of the camera.
    site.execute("UPDATE frames SET captured_at = 100 - id")
    site.scan()
    assert _waiting(site, "门口1") == [1, 2, 3, 4, 5, 6]
    site.scan()
    assert _waiting(site, "门口1") == [1, 2, 3, 4]
    monkeypatch.setattr(max_frame_count, "_EVERY_SEC", 3600.0)
    site.scan()
    assert _waiting(site, "门口1") == [1, 2, 3, 4], "no look at every scan"


def test_camera_limit_ignores_leased_frames_and_0_means_no_limit(site: Installation) -> None:
    _limit(site, 3)
    site.register(AlgorithmStub(task_types=(TYPE,)), max_concurrency=2)
    site.record(5)
    leased = site.lease(most=2)
    site.scan()
    assert len(_waiting(site, "门口1")) == 3
    assert site.count("leased") == 2
    site.give_back(leased)
    _limit(site, 0)
    site.record(20)
    site.scan()
    assert len(_waiting(site, "门口1")) == 25


def test_camera_limit_without_a_type_applies_to_each_type(site: Installation) -> None:
    _limit(site, 1, task_type="")
    site.record(3)
    site.record(3, FALLS)
    site.scan()
    assert (_waiting(site, "门口1"), _waiting(site, "门口1", FALLS)) == ([3], [6])


def test_requeued_frames_count_toward_the_camera_limit(site: Installation) -> None:
    _limit(site, 3)
    site.record(3)
    site.execute("UPDATE frames SET state = 'failed', settled_at = 1")
    site.record(2)
    site.execute("UPDATE frames SET captured_at = 10 + captured_at WHERE id > 3")
    requeue(site.runtime, FrameFilter(FrameState.FAILED))
    site.scan()
    assert _waiting(site, "门口1") == [3, 4, 5]
