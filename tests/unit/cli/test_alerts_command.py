"""``easyai alerts``."""

from __future__ import annotations

import json
from typing import Any

from tests.support.installation import CAMERA, TYPE, Installation


def _items(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    body = json.loads(installation.run("alerts", "--json", *arguments).stdout)
    items: list[dict[str, Any]] = body["items"]
    return items


def test_json_is_the_alert_of_the_contract_with_a_link_to_its_picture(
    installation: Installation,
) -> None:
    path = f"alerts/{TYPE}/{CAMERA}/1.jpg"
    installation.alert(image_path=path, created_at=1_763_107_200.5)
    (item,) = _items(installation)
    assert item["image_path"] == path
    assert item["image_url"].startswith("http://127.0.0.1:1/")
    assert "signature=" in item["image_url"]
    assert item["created_at"] == "2025-11-14T08:00:00.500Z"
    assert json.loads(item["result"]) == {"count": 1}


def test_filters_choose_the_alerts_and_the_newest_comes_first(installation: Installation) -> None:
    now = installation.now
    first = installation.alert(detection_count=5)
    second = installation.alert(detection_count=9)
    installation.alert(detection_count=1)
    installation.alert(detection_count=5, task_type="人脸")
    installation.alert(detection_count=5, task_id="门口3")
    installation.alert(detection_count=5, created_at=now - 7200)
    filters = ("--task-type", TYPE, "--task-id", CAMERA, "--min-detections", "2", "--since", "1h")
    assert [item["id"] for item in _items(installation, *filters)] == [second, first]


def test_alerts_command_lists_up_to_the_limit_and_prints_the_total(
    installation: Installation,
) -> None:
    for _ in range(3):
        installation.alert()
    result = installation.run("alerts", "--limit", "2")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert "2 of 3; --limit shows more" in result.stderr


def test_a_system_alert_shows_its_message(installation: Installation) -> None:
    installation.alert(task_id="system", task_type="no_algorithm", result="no service for 人脸")
    result = installation.run("alerts", "--task-id", "system")
    assert "no service for 人脸" in result.stdout


def test_no_alert_is_exit_code_1(installation: Installation) -> None:
    result = installation.run("alerts", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"items": [], "total": 0}
    assert "no alert matches" in installation.run("alerts").stderr
