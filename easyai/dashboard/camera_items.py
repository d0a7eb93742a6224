"""A camera as the pages show it: its newest picture, with an alert or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from easyai.dashboard import alert_items
from easyai.dashboard.alert_items import PREFIX
from easyai.db import alert_lists, alert_reviews, camera_hours, camera_pictures
from easyai.db.camera_pictures import NewestFrame
from easyai.domain.picture_marks import Size
from easyai.runtime import Runtime

_NONE: Final = ("at", "alert_id", "frame_id", "thumb", "picture", "size")


class Cameras:
    """What the database knows of all cameras; read in a transaction, shown after it."""

    def __init__(self, conn: Connection, now: float) -> None:
        """`now`: Unix seconds."""
        ids = camera_pictures.newest_alerts(conn)
        self._rows = alert_lists.rows(conn, ids)
        self._reviews = alert_reviews.of(conn, ids)
        self._frames = camera_pictures.newest_frames(conn)
        self._waiting = camera_pictures.waiting(conn)
        hour = int(now) // camera_hours.HOUR_SEC
        self._day = camera_hours.cameras(conn, hour - 23, 10 * camera_pictures.MOST_CAMERAS)

    def items(self, runtime: Runtime, most: int) -> list[dict[str, Any]]:
        """The cameras with the newest pictures first, JSON-ready."""
        alerts = {row.task_id: row for row in self._rows}
        types: dict[str, set[str]] = {}
        settled: dict[str, int] = {}
        for task_id, task_type, count in self._day:
            types.setdefault(task_id, set()).add(task_type)
            settled[task_id] = settled.get(task_id, 0) + count
        for row in self._rows:
            types.setdefault(row.task_id, set()).add(row.task_type)
        for frame in self._frames.values():
            types.setdefault(frame.task_id, set()).add(frame.task_type)
        for task in runtime.settings.frame_extractor.tasks:
            types.setdefault(task.id, set()).update({task.task_type} - {""})
        names = {*types, *self._waiting} - {""}
        at = {name: _newest_at(alerts.get(name), self._frames.get(name)) for name in names}
        shown = sorted(names, key=lambda name: (-at[name], name))[:most]
        pictures = self._pictures(runtime, [name for name in shown if name in alerts])
        return [
            {
                "task_id": name,
                "task_types": sorted(types.get(name, ())),
                "settled_24h": settled.get(name, 0),
                "waiting": self._waiting.get(name, 0),
                **self._newest(name, pictures),
            }
            for name in shown
        ]

    def _pictures(self, runtime: Runtime, names: list[str]) -> dict[str, Any]:
        rows = [row for row in self._rows if row.task_id in set(names)]
        items = alert_items.items(runtime, rows, self._reviews)
        return {item["task_id"]: item for item in items}

    def _newest(self, name: str, pictures: Mapping[str, Any]) -> dict[str, Any]:
        alert, frame = pictures.get(name), self._frames.get(name)
        if frame is not None and (alert is None or frame.found_at > alert["created_at"]):
            return frame_picture(frame, None)
        if alert is not None:
            return alert_picture(alert)
        return {**dict.fromkeys(_NONE), "boxes": [], "box_count": 0}


def alert_picture(item: Mapping[str, Any]) -> dict[str, Any]:
    """The picture of an alert with its first boxes; `box_count`: how many boxes there are."""
    own: dict[str, Any] = {name: item[name] for name in ("thumb", "picture", "size", "crossings")}
    own |= {"boxes": item["boxes"][: alert_items.MOST_BOXES], "box_count": len(item["boxes"])}
    return {"at": item["created_at"], "alert_id": item["id"], "frame_id": None, **own}


def frame_picture(frame: NewestFrame, size: Size | None) -> dict[str, Any]:
    """The picture of a frame without an alert."""
    return {
        "at": frame.found_at,
        "alert_id": None,
        "frame_id": frame.id,
        "thumb": f"{PREFIX}/thumbnails/frames/{frame.id}",
        "picture": f"{PREFIX}/pictures/frames/{frame.id}",
        "size": size,
        "boxes": [],
        "box_count": 0,
    }


def _newest_at(alert: Any, frame: NewestFrame | None) -> float:
    times = [alert.created_at] if alert is not None else []
    return max([*times, frame.found_at] if frame is not None else times, default=0.0)
