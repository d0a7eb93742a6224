"""System alarms in the shape of an alert (contract, section 5)."""

from __future__ import annotations

import json
from typing import Any, Final

from easyai.domain.json_text import result_text
from easyai.domain.reason import Reason

TASK_ID: Final = "system"
#: The columns that are the same in every system alert.
COMMON: Final[dict[str, Any]] = {
    "frame_id": None,
    "task_id": TASK_ID,
    "image_path": "",
    "algorithm_id": "system_monitor",
    "algorithm_name": "系统监控",
    "confidence": 1.0,
    "detection_count": 0,
    "inference_time_ms": 0.0,
}


def system_result(
    message: str, message_zh: str, reason: Reason, cause: str = "", **more: Any
) -> str:
    """The `result` of a system alert: a JSON object, as in every alert.

    `message` and `message_zh` are the texts of the reason. `cause` is the code in the table of
    alarms; '' while it is unknown. `more` are further keys.
    """
    texts = {"message": message, "message_zh": message_zh, "cause": cause}
    return result_text({**texts, **reason.as_json(), **more})


def system_text(result: str) -> str:
    """The message of a system alert in both languages, whichever release saved the alert."""
    saved = _object_in(as_json(result)) or {}
    return f"{saved.get('message', '')}\n{saved.get('message_zh', '')}"


def as_json(result: str) -> str:
    """The result of a system alert as JSON; earlier releases saved two lines of text."""
    if _object_in(result) is not None:
        return result
    message, _, message_zh = result.partition("\n")
    return result_text({"message": message, "message_zh": message_zh or message, "cause": ""})


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
