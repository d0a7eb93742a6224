"""System alarms in the shape of an alert (contract, section 5)."""

from __future__ import annotations

import json
from typing import Any, Final

from easyai.domain.fate import result_text
from easyai.domain.words import Words

TASK_ID: Final = "system"
#: What every system alert has in common, as columns of its row.
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


def system_result(words: Words, cause: str = "", **more: Any) -> str:
    """The `result` of a system alert: a JSON object, as in every alert.

    `cause` as in the table of alarms, '' while it is not known; `more` are further keys.
    """
    return result_text({"message": words.en, "message_zh": words.zh, "cause": cause, **more})


def system_words(result: str) -> Words:
    """What a system alert says; also of one that an earlier release saved as two lines of text."""
    saved = _object_in(result)
    if saved is None:
        en, _, zh = result.partition("\n")
        return Words(en, zh or en)
    return Words(str(saved.get("message", "")), str(saved.get("message_zh", "")))


def as_json(result: str) -> str:
    """The result of a system alert as JSON, whichever release has saved it."""
    return result if _object_in(result) is not None else system_result(system_words(result))


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
