"""The histogram of alerts counts the newest exactly, and estimates the others with few reads."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import event

from easyai.db import alert_histogram, alert_reviews
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.db.session import Database
from tests.support.alert_rows import insert_all

BLOCK = 8192
STEP_SEC, STEPS = 100.0, 30
_TYPES, _CAMERAS = ("人脸", "车辆"), ("busy", "c1")
Saved = list[dict[str, Any]]


def _save(database: Database, apart: int, draw: random.Random) -> Saved:
    """An alert every second, with ids so far apart; two of three are of the busy camera."""
    saved = [
        {
            "id": 1 + number * apart,
            "task_id": _CAMERAS[number % 3 == 0],
            "task_type": draw.choice(_TYPES),
            "detection_count": draw.choice((0, 1, 70)),
            "created_at": float(number),
            "algorithm_id": draw.choice("ab"),
        }
        for number in range(int(STEP_SEC * STEPS))
    ]
    with database.write() as conn:
        insert_all(conn, saved)
    return saved


def _plain(saved: Saved, wanted: AlertFilter, since: float, service: str = "ab") -> list[int]:
    counts = [0] * STEPS
    for alert in saved:
        if (
            alert["created_at"] >= since
            and alert["algorithm_id"] in service
            and wanted.task_id in (None, alert["task_id"])
            and wanted.task_type in (None, alert["task_type"])
            and alert["detection_count"] >= (wanted.min_detections or 0)
        ):
            counts[min(int((alert["created_at"] - since) / STEP_SEC), STEPS - 1)] += 1
    return counts


def _histogram(
    database: Database, wanted: AlertFilter, since: float = 0.0, **more: Any
) -> alert_histogram.Histogram:
    with database.snapshot() as conn:
        choice = AlertChoice(wanted, **more)
        return alert_histogram.histogram(conn, choice, since, STEP_SEC, STEPS)


def test_histogram_of_few_alerts_equals_a_plain_count(database: Database) -> None:
    saved = _save(database, 3, random.Random(7))
    for wanted in (
        AlertFilter(),
        AlertFilter(task_type="人脸"),
        AlertFilter(task_id="busy", min_detections=1),
        AlertFilter(min_detections=65),
    ):
        for since in (0.0, 650.0):
            assert _histogram(database, wanted, since) == (_plain(saved, wanted, since), False)
    assert _histogram(database, AlertFilter(task_type="x")) == ([0] * STEPS, False)


def test_older_blocks_of_a_type_keep_their_number_and_nearly_their_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_histogram, "_EXACTLY", BLOCK)
    saved = _save(database, 40, random.Random(7))  # 205 alerts in a block
    for wanted in (AlertFilter(), AlertFilter(task_type="人脸"), AlertFilter(min_detections=1)):
        expected = _plain(saved, wanted, 0.0)
        counts, estimated = _histogram(database, wanted)
        assert estimated
        assert sum(counts) == sum(expected)
        assert counts[-2:] == expected[-2:]
        assert all(abs(a - b) <= 25 for a, b in zip(counts, expected, strict=True)), counts


def test_older_alerts_of_a_busy_camera_are_sampled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_histogram, "_OF_CAMERA", 200)
    monkeypatch.setattr(alert_histogram, "_MOST_SAMPLES", 100)
    saved = _save(database, 4, random.Random(7))  # 24 of 120 ids are read
    for wanted in (AlertFilter(task_id="busy"), AlertFilter(task_id="busy", task_type="人脸")):
        expected = _plain(saved, wanted, 0.0)
        counts, estimated = _histogram(database, wanted)
        assert estimated
        assert counts[-2:] == expected[-2:]
        assert sum(counts) == pytest.approx(sum(expected), rel=0.15)
        assert all(abs(a - b) <= 45 for a, b in zip(counts, expected, strict=True)), counts


@pytest.mark.parametrize("task_id", [None, "busy"])
def test_histogram_of_a_service_equals_a_plain_count_until_alerts_are_sampled(
    database: Database, task_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_histogram, "_OF_ROWS", 4 * BLOCK)
    saved = _save(database, 4, random.Random(7))
    wanted = AlertFilter(task_id=task_id)
    expected = _plain(saved, wanted, 0.0, "a")
    assert _histogram(database, wanted, algorithm_id="a") == (expected, False)
    assert _histogram(database, wanted, min_confidence=2.0) == ([0] * STEPS, False)
    with database.write() as conn:
        ids = [alert["id"] for alert in saved if alert["algorithm_id"] == "a"]
        alert_reviews.mark(conn, ids, "li", 1.0)
    assert _histogram(database, wanted, reviewed=True) == (expected, False)

    monkeypatch.setattr(alert_histogram, "_OF_ROWS", 200 if task_id else 800)
    monkeypatch.setattr(alert_histogram, "_MOST_SAMPLES_OF_ROWS", 100)
    counts, estimated = _histogram(database, wanted, algorithm_id="a")
    assert estimated
    assert counts[-1] == expected[-1]
    assert sum(counts) == pytest.approx(sum(expected), rel=0.15)
    assert all(abs(a - b) <= 45 for a, b in zip(counts, expected, strict=True)), counts


@pytest.mark.parametrize("task_id", [None, "busy"])
def test_histogram_reads_a_bounded_number_of_index_entries(
    database: Database, task_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_histogram, "_EXACTLY", BLOCK)
    monkeypatch.setattr(alert_histogram, "_OF_CAMERA", 100)
    monkeypatch.setattr(alert_histogram, "_MOST_SAMPLES", 10)
    _save(database, 40, random.Random(7))
    read: list[int] = []

    def note(_conn: Any, clause: Any, _many: Any, values: Any, _options: Any) -> None:
        if "every" in values:
            read.append((values["last_id"] - values["first_id"]) // values["every"] + 1)
        elif "step_sec" in values:
            read.append(values["last_id"] - values["first_id"] + 1)

    event.listen(database.engine, "before_execute", note)
    _histogram(database, AlertFilter(task_id=task_id, task_type="人脸"))
    if task_id is None:
        assert sum(read) <= 2 * BLOCK
    else:
        newest, samples = read
        assert newest <= 151 * 40  # 100 alerts of the camera
        assert samples <= 10
