"""System alarms in the shape of an alert."""

from __future__ import annotations

import json

import pytest

from easyai.domain.alarm_as_alert import COMMON, system_result, system_text
from easyai.domain.alert import alert_json
from easyai.domain.reason import Reason, from_json

TEXTS = ('no algorithm for task type: "人脸"\nsecond line', "没有可用的算法服务：人脸")
REASON = Reason.of("alarm.waiting", n=3, of=Reason.of("alarm.of_types", task_types=("人脸",)))
SAVED = {**COMMON, "id": 7, "task_type": "no_algorithm", "created_at": 1.0, "updated_at": 1.0}


def _decoded(result: str) -> dict[str, object]:
    """As the documented consumer reads it."""
    alert = alert_json({**SAVED, "result": result}, "")
    decoded: dict[str, object] = json.loads(alert["result"])
    return decoded


def test_a_result_is_an_object_with_both_messages_the_cause_and_the_reason() -> None:
    result = system_result(*TEXTS, REASON, "no_service", subjects=("人脸",))

    assert _decoded(result) == {
        "message": TEXTS[0],
        "message_zh": TEXTS[1],
        "cause": "no_service",
        **REASON.as_json(),
        "subjects": ["人脸"],
    }
    assert from_json(_decoded(result)) == REASON
    assert system_text(result) == "\n".join(TEXTS)


@pytest.mark.parametrize("text", ["no service\n没有服务", "积压 5000 帧", "", "[1]", "5000", "{"])
def test_system_alert_saved_as_text_by_an_earlier_release_is_readable(text: str) -> None:
    en, _, zh = text.partition("\n")

    assert _decoded(text) == {"message": en, "message_zh": zh or en, "cause": ""}
    assert system_text(text) == f"{en}\n{zh or en}"


def test_the_result_of_a_camera_is_never_touched() -> None:
    alert = alert_json({**SAVED, "task_id": "门口2", "result": "[1]"}, "")

    assert alert["result"] == "[1]"


def test_a_system_alert_names_the_monitor_as_the_contract_does() -> None:
    alert = alert_json({**SAVED, "result": system_result(*TEXTS, REASON)}, "")

    assert (alert["task_id"], alert["algorithm_id"]) == ("system", "system_monitor")
    assert (alert["algorithm_name"], alert["confidence"]) == ("系统监控", 1.0)
    assert (alert["detection_count"], alert["image_path"]) == (0, "")
