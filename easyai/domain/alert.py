"""The JSON form of an alert for its consumers (contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from easyai.domain import alarm_as_alert

IMAGE_URL_TTL_SEC: Final = 86_400.0  # from when the alert is read or published: a day

_LONGEST_MS: Final = 2**31 - 1  # the largest integer of every consumer's language


def alert_json(saved: Mapping[str, Any], image_url: str) -> dict[str, Any]:
    """A row of the alerts table as a JSON-ready dict.

    `image_url` is a fresh link; '' for an alert without a picture.
    """
    return {
        "id": saved["id"],
        "task_id": saved["task_id"],
        "task_type": saved["task_type"],
        "image_path": saved["image_path"],
        "image_url": image_url,
        "algorithm_id": saved["algorithm_id"],  # the service_id
        "algorithm_name": saved["algorithm_name"],
        "result": _result(saved),
        "confidence": saved["confidence"],
        "detection_count": saved["detection_count"],
        "inference_time_ms": _whole_ms(saved["inference_time_ms"]),
        "created_at": utc_text(saved["created_at"]),
        "updated_at": utc_text(saved["updated_at"]),
    }


def _result(saved: Mapping[str, Any]) -> str:
    text: str = saved["result"]
    return alarm_as_alert.as_json(text) if saved["task_id"] == alarm_as_alert.TASK_ID else text


def _whole_ms(milliseconds: float) -> int:
    """A duration as the contract's integer; the algorithm may send any float."""
    return round(min(max(milliseconds, 0.0), _LONGEST_MS))


def utc_text(moment: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the millisecond: 2025-11-12T04:07:41.328Z."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
