"""A camera as the pages show it: its newest picture, with an alert or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import Connection

from easyai.dashboard import alert_items
from easyai.dashboard.alert_items import PREFIX
from easyai.dashboard.thumbnails import Thumbnails
from easyai.db import camera_hours, camera_pictures
from easyai.db.alerts import AlertRow
from easyai.db.camera_pictures import NewestFrame
from easyai.domain.picture_marks import Size
from easyai.runtime import Runtime

_MOST_TYPES: Final = 20_000  # of all cameras together
_NONE: Final = ("at", "alert_id", "frame_id", "thumb", "picture", "size")


class Newest(NamedTuple):
    """The newest alert and the newest frame with a picture of each camera."""

    alerts: Mapping[str, AlertRow] = {}
    frames: Mapping[str, NewestFrame] = {}

    @classmethod
    def read(cls, conn: Connection) -> Self:
        """Read them; all that is shown is read anew, so that deleted alerts vanish."""
        return cls(camera_pictures.newest_alerts(conn), camera_pictures.newest_frames(conn))

    def at(self, name: str) -> float:
        """The time of a camera's newest picture; 0: it has none."""
        alert, frame = self.alerts.get(name), self.frames.get(name)
        return max(alert.created_at if alert else 0.0, frame.found_at if frame else 0.0)


class Counts(NamedTuple):
    """The waiting frames of each camera, and the types of its frames of the last 24 hours."""

    waiting: Mapping[str, int] = {}
    types: Mapping[str, set[str]] = {}

    @classmethod
    def read(cls, conn: Connection, now: float) -> Self:
        """Count; reads thousands of frames. `now`: Unix seconds."""
        return cls(camera_pictures.waiting(conn), types_of_a_day(conn, now))


def types_of_a_day(conn: Connection, now: float) -> dict[str, set[str]]:
    """The task types of each camera's frames that were settled in the last 24 hours."""
    return camera_hours.types(conn, camera_hours.hour_of(now) - 23, _MOST_TYPES)


class Cameras:
    """Shows cameras; remembers the pictures of alerts that it has shown last."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # By camera: an alert as it was read, its picture's size, and what is shown of both
        self._pictures: dict[str, tuple[AlertRow, Size | None, dict[str, Any]]] = {}

    def items(self, newest: Newest, counts: Counts, most: int) -> list[dict[str, Any]]:
        """The cameras with the newest pictures first, JSON-ready."""
        types = {name: set(own) for name, own in counts.types.items()}
        for name, alert in newest.alerts.items():
            types.setdefault(name, set()).add(alert.task_type)
        for name, frame in newest.frames.items():
            types.setdefault(name, set()).add(frame.task_type)
        for task in self._runtime.settings.frame_extractor.tasks:
            types.setdefault(task.id, set()).update({task.task_type} - {""})
        names = {*types, *counts.waiting} - {""}
        shown = sorted(names, key=lambda name: (-newest.at(name), name))[:most]
        self._draw([newest.alerts[name] for name in shown if name in newest.alerts])
        return [
            {
                "task_id": name,
                "task_types": sorted(types.get(name, ())),
                "waiting": counts.waiting.get(name, 0),
                **self._newest(name, newest.frames.get(name)),
            }
            for name in shown
        ]

    def _draw(self, rows: list[AlertRow]) -> None:
        """Make the pictures of alerts, but for those that are as they were."""
        before, self._pictures = self._pictures, {}
        changed = []
        for row in rows:
            known = before.get(row.task_id)
            if known is not None and known[0] == row and (known[1] or not row.image_path):
                self._pictures[row.task_id] = known
            else:
                changed.append(row)
        sizes = self._runtime.part(Thumbnails).sizes_of_alerts(changed)
        for row, size in zip(changed, sizes, strict=True):
            known = before.get(row.task_id)
            if known is None or known[:2] != (row, size):
                known = row, size, alert_picture(alert_items.drawn(row, size))
            self._pictures[row.task_id] = known

    def _newest(self, name: str, frame: NewestFrame | None) -> dict[str, Any]:
        alert = self._pictures.get(name)
        if frame is not None and (alert is None or frame.found_at > alert[0].created_at):
            return frame_picture(frame, None)
        if alert is not None:
            return alert[2]
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
