"""The dashboard answers while the store of the frames hangs or is away."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from easyai.dashboard import camera_regions
from easyai.dashboard.alert_items import items
from easyai.dashboard.camera_regions import CameraRegions
from easyai.db import alert_lists
from easyai.db.alert_filter import AlertFilter
from easyai.errors import StoreUnavailableError
from easyai.runtime import Runtime
from tests.integration.dashboard.people import Dashboard
from tests.integration.dashboard.rows import CAMERA, DASHBOARD, TYPE, Rows
from tests.integration.dashboard.socket_client import Tab

ME = (TYPE, CAMERA)


def _config(rows: Rows, camera: str, points: int = 2) -> None:
    config = {"regions": [{"type": "polygon", "name": "", "points": [[0.5, 0.5]] * points}]}
    rows.picture(f"{TYPE}/{camera}/algo_config.json", json.dumps(config).encode())


def _rows(runtime: Runtime) -> list[Any]:
    with runtime.db.read() as conn:
        return list(alert_lists.page(conn, AlertFilter(), 50).rows)


def test_live_state_is_known_while_the_store_hangs(
    site: Dashboard, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    _config(sqlite_rows, CAMERA)
    sqlite_rows.alert(image_path=sqlite_rows.picture("alerts/1.jpg"))
    ends = threading.Event()
    monkeypatch.setattr(site.runtime.store, "read", lambda *_: ends.wait(20))
    try:
        with Tab(site.port) as tab:
            assert tab.take()["kind"] == "state"
            assert tab.now["cameras"][0]["task_id"] == CAMERA
        began = time.monotonic()
        assert site.get(f"{DASHBOARD}/alerts")["items"][0]["regions"] == []
        assert time.monotonic() - began < 2
    finally:
        ends.set()


def test_list_comes_while_the_folder_of_pictures_hangs(
    sqlite_runtime: Runtime, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        sqlite_rows.alert(image_path=sqlite_rows.picture(f"alerts/{number}.jpg"))
    ends = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_runtime.store, "open", lambda *_: ends.wait(20))
        began = time.monotonic()
        assert [item["size"] for item in items(sqlite_runtime, _rows(sqlite_runtime), {})] == [
            None
        ] * 3
        assert time.monotonic() - began < 5
    ends.set()


def test_store_that_is_away_is_asked_once_and_known_regions_stay(
    sqlite_runtime: Runtime, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    _config(sqlite_rows, CAMERA)
    regions = CameraRegions(sqlite_runtime)
    assert regions.of([ME])[ME]
    monkeypatch.setattr(camera_regions, "_FRESH_SEC", -1.0)
    asked = []

    def away(*_: object) -> None:
        asked.append(1)
        raise StoreUnavailableError

    monkeypatch.setattr(sqlite_runtime.store, "read", away)
    for _ in range(5):
        assert regions.of([ME])[ME]
    assert len(asked) == 1


def test_regions_of_all_cameras_together_are_bounded(
    sqlite_runtime: Runtime, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_regions, "_MOST_POINTS", 250)
    regions = CameraRegions(sqlite_runtime)
    cameras = [(TYPE, f"c{number}") for number in range(4)]
    for camera in cameras:
        _config(sqlite_rows, camera[1], 100)
        assert regions.of([camera])[camera]
    monkeypatch.setattr(sqlite_runtime.store, "read", lambda *_: None)
    found = regions.of(cameras)
    assert [bool(found[camera]) for camera in cameras] == [False, False, True, True]


def test_camera_that_was_read_again_is_dropped_last(
    sqlite_runtime: Runtime, sqlite_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_regions, "_MOST_KEPT", 2)
    regions = CameraRegions(sqlite_runtime)
    first, second, third = cameras = [(TYPE, f"c{number}") for number in range(3)]
    for _, name in cameras:
        _config(sqlite_rows, name)
    regions.of([first])
    regions.of([second])
    with monkeypatch.context() as patch:
        patch.setattr(camera_regions, "_FRESH_SEC", -1.0)
        regions.of([first])
    regions.of([third])
    (sqlite_rows.folder / TYPE / first[1] / "algo_config.json").unlink()
    assert regions.of([first])[first]
