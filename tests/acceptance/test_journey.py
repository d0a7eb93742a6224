"""The journey of a frame, from the camera's folder to the alert, with nothing but public means."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import readme
from tests.support.algorithm_stub import AlgorithmStub, Answer, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg, png
from tests.support.outside import Outside
from tests.support.waiting import wait_until

REQUEST_FIELDS = {
    "image_url",
    "task_id",
    "task_type",
    "image_path",
    "algo_config",
    "algo_config_url",
}
ALERT_FIELDS = {
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
}
NAMES = "名字"
WRITING = "写入"
CONFIGURED = "配置"
REFUSING = "拒绝"
EMPTY = "空"


@pytest.fixture
def stub() -> Iterator[AlgorithmStub]:
    """A service that downloads every picture."""
    with AlgorithmStub(download=True) as running_stub:
        yield running_stub


def test_the_commands_of_the_readme_lead_from_a_frame_to_its_alert(
    running: EasyaiProcess, site: Outside, stub: AlgorithmStub
) -> None:
    answers = readme.run(readme.commands("ai_analysis/register"), running, stub.port)
    assert answers.replace(" ", "") == (
        '{"ok":true,"service_id":"yolo11x_head_detector_7901","heartbeat_interval_sec":30.0}'
        '{"ok":true}'
    )
    street = (Path(__file__).parents[2] / "examples" / "street.jpg").read_bytes()
    (running.folder / "examples").mkdir()
    (running.folder / "examples" / "street.jpg").write_bytes(street)
    readme.run(readme.commands("mv snapshots/"), running, stub.port)
    key = "人数统计/门口2/20261124-101500.000.jpg"

    (received,) = stub.wait_for(1)
    assert set(received.frame) == REQUEST_FIELDS
    assert received.frame["image_path"] == key
    assert (received.frame["task_type"], received.frame["task_id"]) == ("人数统计", "门口2")
    site.assert_one_alert_each([key])
    assert received.picture == street
    (alert,) = site.alerts("人数统计")
    _assert_alert_by_contract(alert)
    assert _download(alert["image_url"]) == street
    assert (running.frames / alert["image_path"]).read_bytes() == street
    assert site.get(f"/alerts/{alert['id']}")["alert"]["image_path"] == alert["image_path"]

    looks = readme.commands("easyai alerts").splitlines()
    shown = [look for look in looks if look.split()[1] in ("alerts", "services", "stats")]
    assert len(shown) >= 3
    output = readme.run("\n".join(shown), running, stub.port)
    assert "yolo11x_head_detector_7901" in output
    assert "门口2" in output


def _assert_alert_by_contract(alert: dict[str, Any]) -> None:
    assert set(alert) == ALERT_FIELDS
    assert (alert["task_type"], alert["task_id"]) == ("人数统计", "门口2")
    assert alert["image_path"] == "alerts/人数统计/门口2/20261124-101500.000.jpg"
    assert alert["algorithm_id"] == "yolo11x_head_detector_7901"
    assert alert["algorithm_name"] == "head detector"
    assert (alert["detection_count"], alert["confidence"]) == (1, 0.9)
    assert json.dumps(alert["inference_time_ms"]) == "2"
    assert json.loads(alert["result"])["total_count"] == 1


def test_every_picture_is_a_frame_whatever_its_name_and_no_other_file_is(
    site: Outside, stub: AlgorithmStub
) -> None:
    stub.task_types = (NAMES,)
    stub.register(site.url)
    others = [
        f"{NAMES}/门口2/preview_1.jpg",
        f"{NAMES}/门口2/.hidden.jpg",
        f"{NAMES}/门口2/.hidden/1.jpg",
        f"{NAMES}/门口2/notes.json",
        f"{NAMES}/门口2/readme.txt",
        f"{NAMES}/too-high.jpg",
    ]
    for key in others:
        site.put(key)
    names = {
        "门口2/2025/11/14/nested.jpg": jpeg(1),
        "门口2/UPPER.JPG": jpeg(2),
        "门口2/Mixed.JpEg": jpeg(3),
        "门口2/picture.PNG": png(4),
        "门口 2#东/照片（一）😀.jpg": jpeg(5),
        "Gate 1/a b+c&d=e%20f#g?h'i\"j;k,l\\m.jpg": jpeg(6),
        "Gate 1/-rf.jpg": jpeg(7),
        "Gate 1/preview.jpg": jpeg(8),
        "Gate 1/two\nlines.jpg": jpeg(9),
    }
    for name, content in names.items():
        site.put(f"{NAMES}/{name}", content)

    site.wait_for_alerts(NAMES, len(names))
    sent = {item.frame["image_path"]: item.picture for item in stub.received}
    assert sent == {f"{NAMES}/{name}": content for name, content in names.items()}
    assert stub.count == len(names)
    wait_until(lambda: site.pictures(NAMES) == sorted(others), 10, "only the others are left")
    for alert in site.alerts(NAMES):
        camera, _, _ = next(n for n in names if n.endswith(_name(alert))).partition("/")
        assert alert["image_path"] == f"alerts/{NAMES}/{camera}/{_name(alert)}"
        assert _download(alert["image_url"]) in names.values()


def test_picture_written_in_place_is_sent_only_when_complete(
    site: Outside, stub: AlgorithmStub
) -> None:
    stub.task_types = (WRITING,)
    stub.register(site.url)
    content = jpeg(3, 1280, 720)
    step = len(content) // 12 + 1
    *pieces, last = [content[start : start + step] for start in range(0, len(content), step)]
    slow = f"{WRITING}/门口1/slow.jpg"
    others = site.put_many(3, WRITING, "门口2")
    (site.frames / slow).parent.mkdir(parents=True)
    with (site.frames / slow).open("wb", buffering=0) as file:
        for piece in pieces:  # for longer than a picture has to be unchanged to count as whole
            file.write(piece)
            _pause(0.25)
        site.wait_for_alerts(WRITING, len(others))
        assert slow not in stub.image_paths
        file.write(last)
    site.assert_one_alert_each([*others, slow])
    assert stub.count == len(others) + 1
    assert stub.received[-1].picture == content


def test_camera_configuration_is_sent_with_every_frame_and_changes_within_seconds(
    site: Outside, stub: AlgorithmStub
) -> None:
    stub.task_types = (CONFIGURED,)
    stub.register(site.url)
    before = {"regions": [{"type": "line", "points": [[0, 0], [9, 9]]}], "algorithm_params": {}}
    after = {"regions": [], "algorithm_params": {"threshold": 0.25, "备注": "新"}}
    site.put(f"{CONFIGURED}/门口1/algo_config.json", json.dumps(before).encode())
    site.put_many(3, CONFIGURED, "门口1")
    site.put_many(1, CONFIGURED, "门口2")
    for item in stub.wait_for(4):
        with_one = item.frame["task_id"] == "门口1"
        assert item.frame["algo_config"] == (before if with_one else {})
        url = item.frame["algo_config_url"]
        assert json.loads(_download(url)) == before if with_one else url == ""

    site.put(f"{CONFIGURED}/门口1/algo_config.json", json.dumps(after).encode())

    def changed() -> bool:
        number = stub.count
        (key,) = site.put_many(1, CONFIGURED, "门口1", first=number)
        wait_until(lambda: key in stub.image_paths, 10, "the frame arrives")
        return bool(stub.received[number].frame["algo_config"] == after)

    wait_until(changed, 8, "a frame with the changed configuration")
    site.wait_for_alerts(CONFIGURED, stub.count)
    assert f"{CONFIGURED}/门口1/algo_config.json" in site.pictures(CONFIGURED)


def test_a_frame_refused_three_times_is_kept_with_its_reason_and_requeue_brings_it_back(
    running: EasyaiProcess, site: Outside, stub: AlgorithmStub
) -> None:
    refused: Answer = (200, {"success": False, "error": "图像损坏: cannot decode"})
    stub.answer = lambda frame: refused if "broken" in frame["image_path"] else detections(1)
    stub.task_types = (REFUSING,)
    stub.register(site.url)
    broken = jpeg(1)[:2000] + jpeg(1)[-2:]
    keys = [f"{REFUSING}/门口1/broken.jpg", f"{REFUSING}/门口1/fine.jpg"]
    site.put(keys[0], broken)
    site.put(keys[1])
    kept = f"failed/{keys[0]}"
    wait_until(lambda: site.pictures("failed") == [kept], 15, "the picture is under failed/")
    assert (site.frames / kept).read_bytes() == broken
    assert stub.image_paths.count(keys[0]) == 3
    site.wait_for_alerts(REFUSING, 1)

    listed = running.run("frames", "--state", "failed")
    assert listed.returncode == 0
    assert "图像损坏" in listed.stdout
    assert "broken.jpg" in listed.stdout
    (frame,) = json.loads(running.run("frames", "--state", "failed", "--json").stdout)["frames"]
    assert "图像损坏: cannot decode" in frame["reason"]

    stub.answer = lambda frame: detections(2)
    assert running.run("requeue", "--task-type", REFUSING).returncode == 0
    site.assert_one_alert_each(keys)
    assert site.alerts(REFUSING)[-1]["detection_count"] == 2
    assert stub.received[-1].picture == broken
    assert stub.image_paths.count(keys[0]) == 4
    assert running.run("frames", "--state", "failed").returncode == 1
    assert site.pictures("failed") == []


def test_frame_without_detection_is_deleted_or_kept_as_configured(
    running: EasyaiProcess, site: Outside, stub: AlgorithmStub
) -> None:
    stub.answer = lambda frame: detections(0)
    stub.task_types = (EMPTY,)
    stub.register(site.url)
    site.put(f"{EMPTY}/门口1/deleted.jpg")
    stub.wait_for(1)
    wait_until(lambda: site.pictures(EMPTY) == [], 10, "the picture is deleted")
    assert site.alert_count(EMPTY) == 0
    assert site.pictures(f"alerts/{EMPTY}") == []

    running.reconfigure("[ai_analysis]\nsave_only_with_detection = false\n")
    site.put(f"{EMPTY}/门口1/kept.jpg")
    site.assert_one_alert_each([f"{EMPTY}/门口1/kept.jpg"])
    (alert,) = site.alerts(EMPTY)
    assert alert["detection_count"] == 0


def _name(alert: dict[str, Any]) -> str:
    return Path(alert["image_path"]).name


def _download(url: str) -> bytes:
    with requests.get(url, timeout=10) as response:
        assert response.status_code == 200, f"{url}: {response.status_code} {response.text}"
        return response.content


def _pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 1, "the camera writes on")
