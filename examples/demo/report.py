"""The final table, and an alert's picture with its boxes."""

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich import box
from rich.table import Table

from easyai.sdk import Picture
from examples.demo.check import boxes
from examples.demo.frames import LARGE
from examples.demo.observe import Observed
from examples.demo.video import CAMERA

Row = dict[str, Any]

_NUMBERS = (
    "frames",
    "with",
    "without",
    "failed",
    "alerts",
    "p50 ms",
    "p99 ms",
    "frames/s",
)
_CAPTION = (
    "with, without: detections; failed: a broken picture, on purpose; p50, p99: from picture in "
    "place to result"
)
_GREEN, _BLACK = (0, 200, 0), (0, 0, 0)
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
_DRAWN_PIXELS = 640  # minimum width of the picture with boxes


def table(seen: Observed, times: Mapping[str, float]) -> Table:
    """Frames and their outcomes, a line for each task type and a line for all.

    Latency is from the complete picture to the written result; frames per second are from the
    first complete picture to the last result.
    """
    # Narrow enough for 80 columns with any name of a task type.
    lines = Table(
        "task type", box=box.SIMPLE, padding=(0, 1, 0, 0), caption=_CAPTION, caption_justify="left"
    )
    for name in _NUMBERS:
        lines.add_column(name, justify="right", no_wrap=True)
    for task_type in sorted({row["task_type"] for row in seen.ledger}):
        rows = [row for row in seen.ledger if row["task_type"] == task_type]
        alerts = [alert for alert in seen.alerts if alert["task_type"] == task_type]
        lines.add_row(task_type, *_cells(rows, len(alerts), times))
    lines.add_section()
    lines.add_row("all", *_cells(seen.ledger, len(seen.alerts), times))
    return lines


def _cells(rows: Sequence[Row], alerts: int, times: Mapping[str, float]) -> list[str]:
    outcomes = [row["outcome"] for row in rows]
    detected = [row for row in rows if row["detection_count"]]
    done = [row for row in rows if row["state"] == "done" and row["key"] in times]
    latencies = sorted((settled_at(row) - times[row["key"]]) * 1000 for row in done)
    return [
        str(len(rows)),
        str(len(detected)),
        str(outcomes.count("no_detection")),
        str(outcomes.count("failed")),
        str(alerts),
        *(f"{percentile(latencies, share):.0f}" for share in (50, 99)),
        f"{_rate(done, times):.1f}",
    ]


def percentile(ordered: Sequence[float], share: int) -> float:
    """The smallest value that `share` percent do not exceed (nearest rank); 0 for no values."""
    if not ordered:
        return 0.0
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]


def settled_at(row: Row) -> float:
    """When a frame of the ledger got its result, in Unix seconds."""
    return datetime.fromisoformat(row["settled_at"]).timestamp()


def _rate(rows: Sequence[Row], times: Mapping[str, float]) -> float:
    if not rows:
        return 0.0
    begin = min(times[row["key"]] for row in rows)
    return len(rows) / max(0.001, max(settled_at(row) for row in rows) - begin)


def best_alert(alerts: Sequence[Row]) -> Row | None:
    """The alert with the most detections; alerts of the video come first."""
    seen = [alert for alert in alerts if alert["task_type"] != LARGE and alert["detection_count"]]
    return max(
        seen,
        key=lambda alert: (alert["task_id"] == CAMERA, len(boxes(alert)), alert["confidence"]),
        default=None,
    )


def draw(alert: Row, content: bytes) -> Path:
    """Draw the boxes of an alert into its picture; returns the new file, which is kept."""
    pixels = Picture(content).to_array()
    scale = math.ceil(_DRAWN_PIXELS / pixels.shape[1])
    drawn = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    for detection in boxes(alert):
        left, top, right, bottom = (round(scale * value) for value in detection["bbox"])
        cv2.rectangle(drawn, (left, top), (right, bottom), _GREEN, 2)
        _write(drawn, _label(detection), left, top)
    # A new name in the shared folder, so that no other user can have put a link there.
    descriptor, name = tempfile.mkstemp(prefix="easyai-demo-", suffix=".jpg")
    with os.fdopen(descriptor, "wb") as file:
        file.write(cv2.imencode(".jpg", drawn)[1].tobytes())
    return Path(name)


def _label(detection: Row) -> str:
    """Class and confidence, under any name that the contract allows."""
    names = ("class", "class_name", "label")
    name = next((detection[key] for key in names if key in detection), "")
    confidence = detection.get("confidence", detection.get("score"))
    return f"{name} {confidence:.2f}" if isinstance(confidence, int | float) else str(name)


def _write(pixels: np.ndarray[Any, Any], text: str, left: int, bottom: int) -> None:
    """Write a dark label on green, within the picture."""
    (width, height), below = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    left = max(0, min(left, pixels.shape[1] - width))
    bottom = max(height + below, bottom)
    corners = (left, bottom - height - below), (left + width, bottom)
    cv2.rectangle(pixels, *corners, _GREEN, cv2.FILLED)
    place = (left, bottom - below + 1)
    cv2.putText(pixels, text, place, _FONT, _FONT_SCALE, _BLACK, 1, cv2.LINE_AA)
