"""Waiting frames are discarded over REST."""

from __future__ import annotations

import time
from typing import Any

import pytest

from easyai.db import recorded_frames, task_types
from easyai.db.recorded_frames import NewFrame
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS, LiveApi

TYPO = "人数统记"


def _wait(runtime: Runtime, *cameras: str) -> None:
    new = [NewFrame(f"{TYPO}/{camera}/1.jpg", TYPO, camera, "v1", 1.0, None) for camera in cameras]
    with runtime.db.write() as conn:
        task_types.add(conn, [TYPO], time.time())
        recorded_frames.add(conn, new, time.time())


def test_frames_of_a_camera_are_discarded_and_counted(api: LiveApi, runtime: Runtime) -> None:
    _wait(runtime, "门口1", "门口2")
    body: dict[str, Any] = {"task_type": TYPO, "task_id": "门口1"}
    assert api.post(f"{ANALYSIS}/frames/discard", body | {"dry_run": True})["waiting"] == 1
    assert api.post(f"{ANALYSIS}/frames/discard", body) == {
        "ok": True,
        "dry_run": False,
        "discarded": 1,
        "by_camera": {"门口1": 1},
        "in_flight": 0,
        "waiting": 0,
    }
    stats = api.get(f"{ANALYSIS}/inference_stats")
    assert (stats["queue_size"], stats["discarded_total"]) == (1, 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "task_type"),
        ({"task_type": 7}, "task_type"),
        ({"task_type": TYPO, "task_ids": "门口1"}, "task_ids"),
        ({"task_type": TYPO, "task_id": 1}, "task_id"),
        ({"task_type": TYPO, "dry_run": "no"}, "dry_run"),
    ],
)
def test_invalid_discard_request_is_refused_by_field_and_discards_nothing(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, body: object, field: str
) -> None:
    _wait(sqlite_runtime, "门口1")
    error = sqlite_api.error(400, "POST", f"{ANALYSIS}/frames/discard", json=body)
    assert error.partition(":")[0] == field
    assert sqlite_api.get(f"{ANALYSIS}/inference_stats")["queue_size"] == 1
