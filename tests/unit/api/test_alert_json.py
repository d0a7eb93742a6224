"""The alert that consumers know."""

from __future__ import annotations

import json

import pytest

from easyai.domain.alert import alert_json

SAVED = {
    "id": 7,
    "frame_id": 3,
    "task_id": "门口2",
    "task_type": "人数统计",
    "image_path": "alerts/人数统计/门口2/a.jpg",
    "algorithm_id": "yolo",
    "algorithm_name": "人头检测",
    "result": '{"total_count":2}',
    "confidence": 0.9,
    "detection_count": 2,
    "inference_time_ms": 45.2,
    "created_at": 1_762_920_461.328,
    "updated_at": 1_762_920_461.0,
}


def test_an_alert_has_the_fields_of_the_contract_and_no_others() -> None:
    alert = alert_json(SAVED, "http://127.0.0.1/x")

    assert list(alert) == [
        "id",
        "task_id",
        "task_type",
        "image_path",
        "image_url",
        "algorithm_id",
        "algorithm_name",
        "result",
        "confidence",
        "detection_count",
        "inference_time_ms",
        "created_at",
        "updated_at",
    ]
    assert alert["image_url"] == "http://127.0.0.1/x"
    assert json.loads(alert["result"]) == {"total_count": 2}


def test_times_are_utc_with_a_z() -> None:
    alert = alert_json(SAVED, "")

    assert alert["created_at"] == "2025-11-12T04:07:41.328Z"
    assert alert["updated_at"] == "2025-11-12T04:07:41.000Z"


@pytest.mark.parametrize(
    ("saved", "sent"), [(45.2, 45), (0.6, 1), (12.0, 12), (0.0, 0), (-3.5, 0), (1e300, 2**31 - 1)]
)
def test_inference_time_is_an_integer_whatever_the_algorithm_answered(
    saved: float, sent: int
) -> None:
    alert = alert_json({**SAVED, "inference_time_ms": saved}, "")

    assert json.dumps(alert["inference_time_ms"]) == str(sent)
