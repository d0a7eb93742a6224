"""Checks that every frame has its expected outcome; describes each deviation. No I/O."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from examples.demo.frames import Fate, Frame
from examples.demo.observe import Observed, digest

Row = dict[str, Any]

_OUTCOMES = {
    Fate.ALERT: ("done", "alert"),
    Fate.NO_DETECTION: ("done", "no_detection"),
    Fate.FAILED: ("failed", "failed"),
}


def find_problems(frames: Sequence[Frame], seen: Observed) -> list[str]:
    """Compare the written frames with their outcomes; return the errors."""
    rows = _by(seen.ledger, "key")
    decided = [_decided(frame, rows) for frame in frames]
    return [
        *_ledger_problems(decided, rows),
        *_alert_problems(decided, _by(seen.alerts, "image_path")),
        *_file_problems(decided, seen.files),
        *_call_problems(seen.ledger, seen.calls),
    ]


def _by(items: Iterable[Row], field: str) -> dict[str, list[Row]]:
    grouped = defaultdict(list)
    for item in items:
        grouped[item[field]].append(item)
    return dict(grouped)


def _decided(frame: Frame, rows: Mapping[str, list[Row]]) -> Frame:
    """If two outcomes are valid, take the ledger's: it must match everywhere."""
    if frame.fate is not Fate.EITHER:
        return frame
    count = next((row["detection_count"] for row in rows.get(frame.key, [])), None) or 0
    return replace(frame, fate=Fate.ALERT if count else Fate.NO_DETECTION, count=count)


def _ledger_problems(frames: Sequence[Frame], rows: Mapping[str, list[Row]]) -> Iterator[str]:
    known = set()
    for frame in frames:
        found = rows.get(frame.key, [])
        if frame.fate is Fate.LEFT_ALONE:
            continue
        known.add(frame.key)
        if len(found) != 1:
            yield f"{frame.key}: {len(found)} rows in the ledger, not one"
        for row in found:
            yield from _row_problems(frame, row)
    for key in rows.keys() - known:
        yield f"{key}: in the ledger, but it is not a frame"


def _row_problems(frame: Frame, row: Row) -> Iterator[str]:
    state, outcome = _OUTCOMES[frame.fate]
    if (row["state"], row["outcome"]) != (state, outcome):
        reason = f", {row['reason']}" if row["reason"] else ""
        yield f"{frame.key}: {row['state']} ({row['outcome']}{reason}), not {frame.fate}"
    elif frame.fate is not Fate.FAILED and row["detection_count"] != frame.count:
        yield f"{frame.key}: {row['detection_count']} detections in the ledger, not {frame.count}"


def _alert_problems(frames: Sequence[Frame], alerts: Mapping[str, list[Row]]) -> Iterator[str]:
    known = set()
    for frame in frames:
        if frame.fate is not Fate.ALERT:
            continue
        known.add(frame.alert_path)
        found = alerts.get(frame.alert_path, [])
        if len(found) != 1:
            yield f"{frame.key}: {len(found)} alerts, not one"
        for alert in found:
            yield from _one_alert_problems(frame, alert)
    for path in alerts.keys() - known:
        yield f"{path}: an alert that no frame with detections stands for"


def _one_alert_problems(frame: Frame, alert: Row) -> Iterator[str]:
    if (alert["task_type"], alert["task_id"]) != (frame.task_type, frame.task_id):
        yield f"{frame.key}: its alert is of {alert['task_type']}/{alert['task_id']}"
    if alert["detection_count"] != frame.count:
        yield f"{frame.key}: {alert['detection_count']} detections in its alert, not {frame.count}"
    number = len(boxes(alert))
    if number != frame.count:
        yield f"{frame.key}: {number} boxes in its alert, not {frame.count}"


def boxes(alert: Row) -> list[Row]:
    """The detections of an alert, each with its `bbox`."""
    result = json.loads(alert["result"])
    found: list[Row] = result.get("detections") or result.get("objects") or []
    return found


def _file_problems(frames: Sequence[Frame], files: Mapping[str, str]) -> Iterator[str]:
    places = {
        Fate.ALERT: lambda frame: frame.alert_path,
        Fate.FAILED: lambda frame: frame.failed_path,
        Fate.LEFT_ALONE: lambda frame: frame.key,
    }
    expected = {
        places[frame.fate](frame): digest(frame.content) for frame in frames if frame.fate in places
    }
    for path in expected.keys() - files.keys():
        yield f"{path}: the picture is not there"
    for path in files.keys() - expected.keys():
        yield f"{path}: a picture that should not be there"
    for path in expected.keys() & files.keys():
        if expected[path] != files[path]:
            yield f"{path}: not the picture that was written"


def _call_problems(ledger: Sequence[Row], calls: Mapping[str, int]) -> Iterator[str]:
    """Check that the services and the ledger report the same number of sent frames."""
    sent: Counter[str] = Counter()
    for row in ledger:
        sent[row["task_type"]] += row["calls_without_result"] + (row["state"] == "done")
    for task_type, number in sent.items():
        if calls.get(task_type, 0) != number:
            yield f"{task_type}: {calls.get(task_type, 0)} calls at the service, {number} recorded"
