"""Every frame gets exactly one outcome, and the right outcome."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import JPEG, TYPE, Installation
from tests.support.waiting import wait_until

_SUMS = """
    SELECT bucket, sum(requests) AS requests, sum(responses) AS responses,
           sum(successes) AS successes, sum(failures) AS failures, sum(processed) AS processed,
           sum(moves) AS moves, sum(moves_failed) AS moves_failed, sum(queue_full) AS queue_full
      FROM statistics GROUP BY bucket ORDER BY bucket
"""  # moves are of no type
KEY = f"{TYPE}/门口1/1.jpg"
REFUSAL = (200, {"success": False, "error": "模糊"})


def _inside(frame: Frame) -> str:
    name: str = frame["image_path"].rpartition("/")[2]
    return name


def test_detections_make_an_alert_with_its_picture(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(2)
    pk = site.register(algorithm)
    site.put(KEY)
    began = time.time()
    site.work(site.loop())
    (alert,) = site.alerts()
    assert json.loads(alert["result"]) == detections(2)[1]["result"]  # type: ignore[index]
    expected: dict[str, Any] = {
        "task_id": "门口1",
        "task_type": TYPE,
        "image_path": f"alerts/{TYPE}/门口1/1.jpg",
        "algorithm_id": "stub",
        "algorithm_name": "stub stub",
        "confidence": 0.9,
        "detection_count": 2,
        "inference_time_ms": 1.5,
    }
    assert expected.items() <= alert.items()
    assert began <= alert["created_at"] <= time.time()
    assert site.pictures("") == [alert["image_path"]]
    (frame,) = site.frames()
    assert (frame["state"], frame["outcome"]) == ("done", "alert")
    assert (frame["service_pk"], frame["image_path"]) == (pk, alert["image_path"])
    assert algorithm.count == 1


def test_a_frame_without_detections_is_deleted_without_an_alert(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (frame,) = site.frames()
    assert (frame["outcome"], frame["image_path"]) == ("no_detection", "")
    assert (site.alerts(), site.pictures("")) == ([], [])


def test_frame_without_detections_is_kept_if_the_settings_require_it(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(save_only_with_detection=False)
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (alert,) = site.alerts()
    assert alert["detection_count"] == 0
    assert site.pictures("") == [f"alerts/{TYPE}/门口1/1.jpg"]


def test_frame_refused_three_times_fails_with_its_reason_and_picture(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: REFUSAL
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (frame,) = site.frames()
    assert (frame["state"], frame["outcome"], frame["attempts"]) == ("failed", "failed", 3)
    assert frame["reason"] == "模糊"
    assert (frame["reason_code"], frame["reason_args"]) == ("call.refused", '{"error":"模糊"}')
    assert site.pictures("") == [frame["image_path"]] == [f"failed/{TYPE}/门口1/1.jpg"]
    assert (algorithm.count, site.alerts()) == (3, [])


def test_frame_refused_once_is_retried_and_gets_its_alert(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: REFUSAL if algorithm.count == 1 else detections(1)
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    assert (len(site.alerts()), algorithm.count) == (1, 2)
    assert site.frames()[0]["outcome"] == "alert"


@pytest.mark.parametrize("answer", [REFUSAL, (500, {"error": "no such file"})])
def test_removed_picture_is_missing_and_does_not_count_as_a_failure(
    site: Installation, algorithm: AlgorithmStub, answer: Any
) -> None:
    def remove(frame: Frame) -> Any:
        site.linked(frame).unlink()
        return answer

    algorithm.answer = remove
    pk = site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (frame,) = site.frames()
    assert (frame["state"], frame["outcome"], frame["image_path"]) == ("done", "missing", "")
    assert (algorithm.count, site.service(pk)["breaker_failures"]) == (1, 0)
    algorithm.answer = lambda frame: detections(0)
    site.put(KEY)
    site.work(site.loop())
    assert [frame["outcome"] for frame in site.frames()] == ["missing", "no_detection"]


def test_frame_that_always_gets_500_while_others_succeed_ends_failed(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(max_attempts=2)
    algorithm.answer = lambda frame: (500, {}) if _inside(frame) == "bad.jpg" else detections(0)
    site.register(algorithm)
    site.put(f"{TYPE}/门口1/bad.jpg")
    loop = site.loop()
    number = 0

    def failed() -> bool:
        nonlocal number
        number += 1
        site.put(f"{TYPE}/门口1/good-{number}.jpg")
        site.scan()
        loop.pump(TYPE, 0.1)
        return site.count("failed") == 1

    wait_until(failed, 15, "the bad frame has failed")
    bad = site.frame(f"{TYPE}/门口1/bad.jpg")
    assert (bad["attempts"], bad["reason"]) == (2, "HTTP status 500")
    site.work(loop)
    assert site.pictures("") == [f"failed/{TYPE}/门口1/bad.jpg"]


@pytest.mark.parametrize("answer", [detections(1), REFUSAL])
def test_equal_names_in_nested_folders_never_share_a_picture(
    site: Installation, algorithm: AlgorithmStub, answer: Any
) -> None:
    site.configure(max_attempts=1)
    algorithm.answer = lambda frame: answer
    site.register(algorithm)
    contents = set()
    for folder in ("", "上午/", "下午/", "下午/深/"):
        content = JPEG.replace(b"picture", folder.encode().ljust(7, b"."))
        contents.add(content)
        site.put(f"{TYPE}/门口1/{folder}1.jpg", content)
    site.work(site.loop())
    kept = [site.snapshots / key for key in site.pictures("")]
    assert {path.read_bytes() for path in kept} == contents
    assert sorted(frame["image_path"] for frame in site.frames()) == site.pictures("")


def test_reused_picture_name_keeps_every_alert_picture(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    loop = site.loop()
    contents = [JPEG.replace(b"picture", b"turn-%02d" % turn) for turn in range(4)]
    for content in contents:
        site.put(KEY, content)
        site.work(loop)
    alerts = [site.snapshots / alert["image_path"] for alert in site.alerts()]
    assert [path.read_bytes() for path in alerts] == contents


def test_every_call_is_counted_once(site: Installation, algorithm: AlgorithmStub) -> None:
    def answer(frame: Frame) -> Any:
        number = int(_inside(frame)[:5])
        return detections(number % 2) if number < 30 else REFUSAL

    site.configure(max_attempts=2)
    algorithm.answer = answer
    pk = site.register(algorithm)
    site.put_many(40)
    site.work(site.loop())
    total, recent = site.rows(_SUMS)[:2]
    counted = {"requests": 50, "responses": 50, "successes": 30, "failures": 20, "processed": 30}
    assert counted.items() <= total.items()
    assert (total["moves"], total["moves_failed"], total["queue_full"]) == (25, 0, 0)
    assert recent["bucket"] > 0
    service = site.service(pk)
    assert service["call_count"] == 50
    assert service["ewma_ms"] > 0
    assert service["last_evidence"] >= service["register_at"]
