"""A camera shows its newest picture, the fates of its frames and its regions."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from easyai.db import camera_hours
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import CAMERA, DASHBOARD, TYPE, Rows

CAMERAS = f"{DASHBOARD}/cameras"


def _settle(rows: Rows, camera: str, outcome: str, count: int, age_hours: int = 0) -> None:
    with rows.runtime.db.write() as conn:
        settled = {(camera, TYPE, outcome): count}
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
    assert (seen["settled_24h"], seen["thumb"], seen["at"]) == (5, None, None)


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
