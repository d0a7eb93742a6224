"""A camera shows its newest picture, the fates of its frames and its regions."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from easyai.db import camera_hours
from easyai.pipeline.camera_totals import CameraTotals
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import CAMERA, DASHBOARD, TYPE, Rows

CAMERAS = f"{DASHBOARD}/cameras"


def _settle(
    rows: Rows, camera: str, outcome: str, count: int, age_hours: int = 0, task_type: str = TYPE
) -> None:
    with rows.runtime.db.write() as conn:
        settled = {(camera, task_type, outcome): count}
        camera_hours.add(conn, settled, time.time() - 3600 * age_hours)


def test_cameras_with_the_newest_picture_come_first(api: LiveApi, rows: Rows) -> None:
    now = time.time()
    old = rows.alert(task_id="old", now=now - 500, image_path=rows.picture("alerts/1.jpg"))
    rows.frame(rows.picture(f"{TYPE}/{CAMERA}/1.jpg"), found_at=now - 100, state="pending")
    rows.frame("gone", task_id="seen", image_path="", found_at=now)
    _settle(rows, "seen", "no_detection", 5)
    rows.alert(task_id="system", task_type="queue_backlog", detection_count=0)
    items = api.get(CAMERAS)["items"]
    assert [item["task_id"] for item in items] == [CAMERA, "old", "seen"]
    waiting, alert, seen = items
    assert (waiting["waiting"], waiting["alert_id"]) == (1, None)
    assert waiting["thumb"].startswith(f"{DASHBOARD}/thumbnails/frames/")
    assert (alert["alert_id"], alert["size"], alert["task_types"]) == (old, [640, 480], [TYPE])
    assert (seen["task_types"], seen["thumb"], seen["at"]) == ([TYPE], None, None)


def test_cameras_of_a_day_are_listed_with_the_types_of_the_day(api: LiveApi, rows: Rows) -> None:
    for number, age_hours in enumerate((3, 22, 25)):
        _settle(rows, CAMERA, "failed", 2, age_hours, f"type-{number}")
    _settle(rows, CAMERA, "alert", 2, 40, "type-1")  # a late count hides no newer hour
    _settle(rows, "other", "alert", 9)
    _settle(rows, "long ago", "alert", 9, 25)
    types = {item["task_id"]: item["task_types"] for item in api.get(CAMERAS)["items"]}
    assert types == {CAMERA: ["type-0", "type-1"], "other": [TYPE]}
    assert api.get(f"{CAMERAS}/{quote(CAMERA)}")["task_types"] == ["type-0", "type-1"]


def test_camera_has_the_fates_of_a_day_and_its_regions(api: LiveApi, rows: Rows) -> None:
    config = {"regions": [{"type": "polygon", "name": "<b>", "points": [[0, 0], [64, 48], [9, 9]]}]}
    rows.picture(f"{TYPE}/{CAMERA}/algo_config.json", json.dumps(config).encode())
    alert = rows.alert(image_path=rows.picture("alerts/1.jpg"))
    rows.alert(task_id="other")
    _settle(rows, CAMERA, "alert", 3)
    _settle(rows, CAMERA, "no_detection", 4, age_hours=2)
    _settle(rows, CAMERA, "failed", 4, age_hours=30)
    _settle(rows, "other", "alert", 9)
    found = api.get(f"{CAMERAS}/{quote(CAMERA)}")
    outcomes = found["fates"]["outcomes"]
    assert set(outcomes) == {"alert", "no_detection"}
    assert (sum(outcomes["alert"]), sum(outcomes["no_detection"])) == (3, 4)
    assert len(outcomes["alert"]) == 24
    assert outcomes["alert"][-1] == 3 or outcomes["alert"][-2] == 3
    (region,) = found["regions"][TYPE]
    assert (region["name"], region["points"][1]) == ("<b>", [0.1, 0.1])
    assert [item["id"] for item in found["alerts"]] == [alert]
    assert (found["total"], found["task_types"]) == (1, [TYPE])
    assert found["last"] is None
    key = rows.picture(f"{TYPE}/{CAMERA}/9.jpg")
    rows.frame(key, version=rows.runtime.store.version(key), state="pending")
    last = api.get(f"{CAMERAS}/{quote(CAMERA)}")["last"]
    assert (last["size"], last["alert_id"]) == ([640, 480], None)
    api.error(404, "GET", f"{CAMERAS}/nobody")
    api.error(404, "GET", f"{CAMERAS}/system")
    api.error(404, "GET", f"{CAMERAS}/a%00b")


def test_requeued_frame_counts_once_for_its_camera(api: LiveApi, rows: Rows) -> None:
    now = time.time()
    _settle(rows, CAMERA, "failed", 2)
    _settle(rows, CAMERA, "failed", 1, age_hours=3)
    failed = {"state": "failed", "outcome": "failed"}
    for key, age_sec in (("new", 0), ("old", 3 * 3600), ("before a week", 8 * 24 * 3600)):
        rows.frame(key, **failed, settled_at=now - age_sec)
    assert api.post(f"{DASHBOARD}/frames/requeue", {"task_type": TYPE})["count"] == 3
    _settle(rows, CAMERA, "alert", 3)
    outcomes = api.get(f"{CAMERAS}/{quote(CAMERA)}")["fates"]["outcomes"]
    assert {name: sum(hours) for name, hours in outcomes.items()} == {"alert": 3, "failed": 1}


def test_frame_requeued_before_its_failure_is_written_counts_once(rows: Rows) -> None:
    hour = camera_hours.hour_of(time.time())
    end = 3600.0 * hour - 1
    failed = {(CAMERA, TYPE, "failed"): 1}
    totals = CameraTotals()

    def add(given_up: camera_hours.Settled, now: float, *, at_once: bool) -> None:
        with rows.runtime.db.write() as conn:
            totals.add(conn, (), given_up, now, at_once=at_once)
        totals.committed()

    add({}, end, at_once=True)
    add(failed, end, at_once=False)  # not written yet
    with rows.runtime.db.write() as conn:
        camera_hours.add_by_hour(conn, camera_hours.taken_back([(CAMERA, TYPE, end)], end))
    with rows.runtime.db.read() as conn:
        assert camera_hours.of_camera(conn, CAMERA, range(hour - 1, hour + 1)) == {}
    add({}, end + 5, at_once=True)  # in the next hour
    with rows.runtime.db.read() as conn:
        assert camera_hours.of_camera(conn, CAMERA, range(hour - 1, hour + 1)) == {}


def test_count_below_zero_lowers_no_other_count(api: LiveApi, rows: Rows) -> None:
    _settle(rows, CAMERA, "alert", 3)
    hour = camera_hours.hour_of(time.time())
    lost = {(hour, CAMERA, name, "failed"): -2 for name in (TYPE, "火焰")}
    with rows.runtime.db.write() as conn:
        camera_hours.add_by_hour(conn, {**lost, (hour, CAMERA, "烟雾", "failed"): 5})
    found = api.get(f"{CAMERAS}/{quote(CAMERA)}")
    outcomes = found["fates"]["outcomes"]
    assert {name: sum(hours) for name, hours in outcomes.items()} == {"alert": 3, "failed": 5}
    assert found["task_types"] == sorted([TYPE, "烟雾"])
    (camera,) = api.get(CAMERAS)["items"]
    assert camera["task_types"] == sorted([TYPE, "烟雾"])
