"""Alerts as lines of CSV, and as images and annotations in the format of COCO."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Final

from easyai.domain.alert import utc_text
from easyai.domain.picture_marks import boxes, crossings, result_of

_COLUMNS: Final = (
    *("id", "created_at", "task_type", "task_id", "algorithm_id", "algorithm_name"),
    *("confidence", "detection_count", "inference_time_ms", "image_path"),
    *("reviewed_by", "reviewed_at", "crossings", "result"),
)
# A spreadsheet would take a text that begins like this for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_MOST_CATEGORIES: Final = 10_000


def csv_head() -> str:
    """The first line; the mark of UTF-8 lets spreadsheets read Chinese."""
    return "\ufeff" + _line(_COLUMNS)


def csv_line(row: Any, review: Any) -> str:
    """The line of an alert."""
    crossed = crossings(result_of(row.result))
    return _line(
        (
            row.id,
            utc_text(row.created_at),
            row.task_type,
            row.task_id,
            row.algorithm_id,
            row.algorithm_name,
            row.confidence,
            row.detection_count,
            row.inference_time_ms,
            row.image_path,
            review.by if review else "",
            utc_text(review.at) if review else "",
            json.dumps(crossed, ensure_ascii=False) if crossed else "",
            row.result,
        )
    )


def _line(cells: tuple[Any, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([_cell(cell) for cell in cells])
    return written.getvalue()


def _cell(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


class Coco:
    """The images and annotations of alerts, one after the other."""

    def __init__(self) -> None:
        self._categories: dict[str, int] = {}
        self._annotations = 0

    def image(self, row: Any, size: tuple[int, int] | None, file_name: str) -> str:
        """The image of an alert as JSON; its size is null where it is not known."""
        width, height = size or (None, None)
        return _json(
            {
                "id": row.id,
                "file_name": file_name,
                "width": width,
                "height": height,
                "date_captured": utc_text(row.created_at),
            }
        )

    def annotations(self, row: Any, size: tuple[int, int] | None) -> list[str]:
        """The boxes of an alert as JSON, in pixels; boxes in fractions need the size."""
        found = []
        for box in boxes(result_of(row.result), size):
            if size is None and "unit" not in box:
                continue
            width, height = size or (1, 1)
            x, y, w, h = (
                round(box[name] * whole, 2)
                for name, whole in (("x", width), ("y", height), ("w", width), ("h", height))
            )
            self._annotations += 1
            annotation = {
                "id": self._annotations,
                "image_id": row.id,
                "category_id": self._category(box["label"]),
                "bbox": [x, y, w, h],
                "area": round(w * h, 2),
                "iscrowd": 0,
                "score": box["score"],
            }
            found.append(_json(annotation))
        return found

    def categories(self) -> str:
        """All categories as JSON."""
        listed: list[Mapping[str, Any]] = [
            {"id": number, "name": name} for name, number in self._categories.items()
        ]
        return _json(listed)

    def _category(self, label: str) -> int:
        if label not in self._categories and len(self._categories) >= _MOST_CATEGORIES:
            label = ""
        return self._categories.setdefault(label, len(self._categories) + 1)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
