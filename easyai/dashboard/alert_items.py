"""An alert as the pages show it: its picture, and what is drawn over the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from easyai.dashboard.camera_regions import CameraRegions
from easyai.dashboard.thumbnails import Thumbnails
from easyai.db.alert_reviews import Review
from easyai.db.alerts import AlertRow
from easyai.domain import picture_marks
from easyai.domain.picture_marks import Size
from easyai.runtime import Runtime

PREFIX: Final = "/api/v1/dashboard"
#: Boxes of an item that is sent again and again; a small picture shows no more.
MOST_BOXES: Final = 30
_MOST_POINTS: Final = 100  # of the regions of such an item
_SHORT: Final = 10_000  # characters of a result whose marks are remembered


def items(
    runtime: Runtime, rows: Sequence[AlertRow], reviews: dict[int, Review]
) -> list[dict[str, Any]]:
    """Alerts as JSON-ready items, in their order; reads algo_configs and headers of pictures."""
    sizes = runtime.part(Thumbnails).sizes_of_alerts(rows)
    outlines = runtime.part(CameraRegions).of((row.task_type, row.task_id) for row in rows)
    return [
        drawn(row, size)
        | {
            "regions": picture_marks.regions(outlines[row.task_type, row.task_id], size),
            "reviewed": reviewed(reviews.get(row.id)),
        }
        for row, size in zip(rows, sizes, strict=True)
    ]


def drawn(row: AlertRow, size: Size | None) -> dict[str, Any]:
    """An alert with what its result draws over its picture, JSON-ready."""
    text: str = row.result
    boxes, crossings = (_remembered if len(text) <= _SHORT else _marks)(text, size)
    return _plain(row) | {"size": size, "boxes": boxes, "crossings": crossings}


def _marks(text: str, size: Size | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The boxes and crossings of a result; for reading only."""
    result = picture_marks.result_of(text)
    return picture_marks.boxes(result, size), picture_marks.crossings(result)


@lru_cache(maxsize=256)  # the list of new alerts and the wall of cameras draw the same alerts
def _remembered(text: str, size: Size | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return _marks(text, size)


def small(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item for lists that are sent again and again: few boxes, and no regions of many points."""
    points = sum(len(region["points"]) for region in item["regions"])
    return {
        **item,
        "boxes": item["boxes"][:MOST_BOXES],
        "regions": item["regions"] if points <= _MOST_POINTS else [],
    }


def reviewed(review: Review | None) -> dict[str, Any] | None:
    """The mark of an alert, JSON-ready; None for an alert that nobody has reviewed."""
    return review and review._asdict()


def _plain(row: AlertRow) -> dict[str, Any]:
    has_picture = bool(row.image_path)
    return {
        "id": row.id,
        "task_id": row.task_id,
        "task_type": row.task_type,
        "created_at": row.created_at,
        "algorithm_id": row.algorithm_id,
        "algorithm_name": row.algorithm_name,
        "confidence": row.confidence,
        "detection_count": row.detection_count,
        "inference_time_ms": row.inference_time_ms,
        "thumb": f"{PREFIX}/thumbnails/alerts/{row.id}" if has_picture else None,
        "picture": f"{PREFIX}/pictures/alerts/{row.id}" if has_picture else None,
    }
