"""The cameras, and the page of a camera: last frame, fates of a day, regions, newest alerts."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator

from easyai.api.access import viewer
from easyai.api.gates import LISTS, behind
from easyai.api.parts import RuntimePart
from easyai.dashboard import alert_items, camera_items
from easyai.dashboard.camera_items import Cameras, Counts, Newest
from easyai.dashboard.camera_regions import CameraRegions
from easyai.dashboard.shown_json import shown
from easyai.dashboard.thumbnails import Thumbnails
from easyai.db import (
    alert_reviews,
    alert_search,
    camera_hours,
    camera_pictures,
    clock,
    frames,
)
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.domain.alarm_as_alert import TASK_ID
from easyai.domain.picture_marks import outlines, regions
from easyai.domain.unicode_form import nfc
from easyai.errors import EasyaiError

router = APIRouter(
    prefix="/dashboard/cameras", dependencies=[Depends(viewer)], include_in_schema=False
)

_HOURS: Final = 24
_ALERTS: Final = 24
TaskId = Annotated[str, AfterValidator(nfc), Path()]


class CameraNotFoundError(EasyaiError):
    """camera not found"""

    http_status = 404


@router.get("")
@behind(LISTS)
def list_cameras(runtime: RuntimePart) -> dict[str, Any]:
    """The cameras, those with the newest pictures first."""
    with runtime.db.read() as conn:
        newest, counts = Newest.read(conn), Counts.read(conn, clock.now(conn))
    return {"items": Cameras(runtime).items(newest, counts, camera_pictures.MOST_CAMERAS)}


@router.get("/{task_id:text}")
@behind(LISTS)
def get_camera(runtime: RuntimePart, task_id: TaskId) -> dict[str, Any]:
    """A camera; `fates` are the frames settled in each of the last 24 hours, by outcome."""
    if task_id == TASK_ID or "\0" in task_id:
        raise CameraNotFoundError
    choice = AlertChoice(AlertFilter(task_id=task_id))
    with runtime.db.snapshot() as conn:
        now = camera_hours.hour_of(clock.now(conn))
        hours = range(now - _HOURS + 1, now + 1)
        counts = camera_hours.of_camera(conn, task_id, hours)
        types = camera_hours.types_of(conn, task_id, hours[0])
        frame = camera_pictures.newest_frame(conn, task_id)
        row = frames.get(conn, frame.id) if frame else None
        found = alert_search.page(conn, choice, _ALERTS)
        reviews = alert_reviews.of(conn, [row.id for row in found.rows])
        waiting = camera_pictures.waiting(conn).get(task_id, 0)
    alerts = alert_items.items(runtime, found.rows, reviews)
    types |= {item["task_type"] for item in alerts} | ({frame.task_type} if frame else set())
    configured = [task for task in runtime.settings.frame_extractor.tasks if task.id == task_id]
    types |= {task.task_type for task in configured} - {""}
    if not (types or waiting or configured):
        raise CameraNotFoundError
    configs = runtime.part(CameraRegions).configs((name, task_id) for name in types)
    size = runtime.part(Thumbnails).size_of_frame(row) if row else None
    of_camera = size or (alerts[0]["size"] if alerts else None)
    return {
        "task_id": task_id,
        "task_types": sorted(types),
        "waiting": waiting,
        "last": camera_items.frame_picture(frame, size) if frame else None,
        "fates": {
            "from": hours[0] * camera_hours.HOUR_SEC,
            "step_sec": camera_hours.HOUR_SEC,
            "outcomes": _by_outcome(counts, hours),
        },
        "regions": {
            name: regions(outlines(configs[name, task_id]), of_camera) for name in sorted(types)
        },
        "algo_config": {name: shown(configs[name, task_id]) for name in sorted(types)},
        "alerts": alerts,
        "total": found.total,
        "at_least": found.at_least,
    }


def _by_outcome(counts: dict[tuple[int, str], int], hours: range) -> dict[str, list[int]]:
    outcomes = sorted({outcome for _, outcome in counts})
    return {name: [counts.get((hour, name), 0) for hour in hours] for name in outcomes}
