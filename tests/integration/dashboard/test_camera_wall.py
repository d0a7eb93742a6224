"""The wall of cameras shows what the database has, though it remembers what it has drawn."""

from __future__ import annotations

from typing import Any

import pytest

from easyai.dashboard import alert_items
from easyai.dashboard.sections.cameras_section import (
    CamerasSection,
    TypesOfCameras,
    WaitingOfCameras,
)
from easyai.db import clock
from tests.integration.dashboard.rows import CAMERA, TYPE, Rows

_BOX = {"detections": [{"bbox": [0.1, 0.1, 0.2, 0.2], "class": "person"}]}


class _Wall:
    """Reads and shows the wall as ticks do."""

    def __init__(self, rows: Rows) -> None:
        self._db = rows.runtime.db
        self._counts = waiting, settled = WaitingOfCameras(), TypesOfCameras()
        self._section = CamerasSection(rows.runtime, waiting, settled)

    def tick(self) -> list[dict[str, Any]]:
        """The cameras of a tick."""
        with self._db.read() as conn:
            now = clock.now(conn)
            for counts in self._counts:
                counts.read(conn, now)
            self._section.read(conn, now)
        cameras: list[dict[str, Any]] = self._section.show("en").whole
        return cameras


@pytest.fixture
def wall(rows: Rows) -> _Wall:
    """A wall on each kind of database."""
    return _Wall(rows)


def _alert_ids(cameras: list[dict[str, Any]]) -> dict[str, Any]:
    return {camera["task_id"]: camera["alert_id"] for camera in cameras}


def test_deleted_alert_vanishes_from_the_wall(wall: _Wall, rows: Rows) -> None:
    older, newer = rows.alert(_BOX), rows.alert(_BOX)
    other = rows.alert(task_id="other")
    assert _alert_ids(wall.tick()) == {CAMERA: newer, "other": other}
    rows.execute("DELETE FROM alerts WHERE id = :id", id=newer)
    assert _alert_ids(wall.tick()) == {CAMERA: older, "other": other}
    rows.execute("DELETE FROM alerts WHERE id = :id", id=older)
    assert _alert_ids(wall.tick()) == {"other": other}


def test_id_that_a_restored_database_gives_again_shows_its_own_alert(
    wall: _Wall, rows: Rows
) -> None:
    before = rows.alert(_BOX)
    assert [len(camera["boxes"]) for camera in wall.tick()] == [1]
    rows.execute("DELETE FROM alerts")
    again = rows.alert()
    rows.execute("UPDATE alerts SET id = :id WHERE id = :again", id=before, again=again)
    (camera,) = wall.tick()
    assert (camera["alert_id"], camera["boxes"]) == (before, [])


def test_alert_that_loses_its_picture_loses_it_on_the_wall(wall: _Wall, rows: Rows) -> None:
    path = rows.picture(f"alerts/{TYPE}/{CAMERA}/1.jpg")
    alert = rows.alert(_BOX, image_path=path)
    (camera,) = wall.tick()
    assert camera["thumb"] == f"/api/v1/dashboard/thumbnails/alerts/{alert}"
    rows.execute("UPDATE alerts SET image_path = '' WHERE id = :id", id=alert)
    assert [camera["thumb"] for camera in wall.tick()] == [None]


def test_size_of_a_picture_is_shown_when_it_becomes_known(wall: _Wall, rows: Rows) -> None:
    path = f"alerts/{TYPE}/{CAMERA}/1.jpg"
    rows.alert(_BOX, image_path=path)
    assert [camera["size"] for camera in wall.tick()] == [None]
    rows.picture(path)
    (camera,) = wall.tick()
    assert camera["size"] is not None


def test_alert_that_is_as_it_was_is_not_drawn_again(
    wall: _Wall, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw = alert_items.drawn

    def counted(row: Any, size: Any) -> dict[str, Any]:
        drawn.append(row.id)
        return draw(row, size)

    monkeypatch.setattr(alert_items, "drawn", counted)
    first, second = rows.alert(_BOX), rows.alert(_BOX, task_id="other")
    for _ in range(3):
        wall.tick()
    assert sorted(drawn) == [first, second]
    third = rows.alert(_BOX)
    wall.tick()
    assert drawn[2:] == [third]


def test_newest_frame_with_a_picture_is_shown_once_it_is_newer(wall: _Wall, rows: Rows) -> None:
    alert = rows.alert(_BOX, now=1000.0)
    rows.frame("a", found_at=900.0)
    rows.frame("b", found_at=1100.0, image_path="")
    assert _alert_ids(wall.tick()) == {CAMERA: alert}
    newest = rows.frame("c", found_at=1100.0)
    (camera,) = wall.tick()
    assert (camera["alert_id"], camera["frame_id"]) == (None, newest)
