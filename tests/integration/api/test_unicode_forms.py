"""A task type or camera may be named in either Unicode form in every call."""

from __future__ import annotations

import time
from typing import Final
from unicodedata import normalize
from urllib.parse import quote

from easyai.db import alerts, recorded_frames, task_types
from easyai.db.recorded_frames import NewFrame
from easyai.runtime import Runtime
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi

NAME: Final = "Café"
CAMERA: Final = "Entrée"
DECOMPOSED: Final = {"task_type": normalize("NFD", NAME), "task_id": normalize("NFD", CAMERA)}


def test_a_service_is_found_by_either_form_of_its_type(api: LiveApi) -> None:
    body = {"service_id": "a", "endpoint": "http://127.0.0.1:1/infer"}
    api.post(f"{ANALYSIS}/register", body | {"task_types": [DECOMPOSED["task_type"]]})
    for name in (NAME, DECOMPOSED["task_type"]):
        found = api.get(f"{ANALYSIS}/services/stats/{quote(name)}")
        assert (found["total"], found["task_type"]) == (1, NAME)
        assert found["services"][0]["task_types"] == [NAME]
    assert list(api.get(f"{ANALYSIS}/load_balance/info")["load_balance"]) == [NAME]


def test_alerts_are_found_by_either_form(api: LiveApi, runtime: Runtime) -> None:
    row = {
        "frame_id": None,
        "task_id": CAMERA,
        "task_type": NAME,
        "image_path": "",
        "algorithm_id": "a",
        "algorithm_name": "a",
        "result": "{}",
        "confidence": 0.9,
        "detection_count": 2,
        "inference_time_ms": 45.2,
        "now": time.time(),
    }
    with runtime.db.write() as conn:
        alerts.add(conn, [row], for_bus=False)
    for field, name in DECOMPOSED.items():
        assert api.get(ALERTS, params={field: name})["total"] == 1
    assert api.get(ALERTS, params={"task_type": NAME, "task_id": CAMERA})["total"] == 1


def test_frames_are_discarded_by_either_form(api: LiveApi, runtime: Runtime) -> None:
    with runtime.db.write() as conn:
        task_types.add(conn, [NAME], time.time())
        recorded_frames.add(
            conn, [NewFrame("a/b/1.jpg", NAME, CAMERA, "v1", 1.0, None)], time.time()
        )
    given_up = api.post(f"{ANALYSIS}/frames/discard", DECOMPOSED)
    assert (given_up["discarded"], given_up["by_camera"]) == (1, {CAMERA: 1})
