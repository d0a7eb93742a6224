"""Lists with choices that no index knows equal a plain reading, part by part."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, text

from easyai.db import alert_changes, alert_parts, alert_reviews, alert_search
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.db.session import Database
from tests.support.alert_rows import insert_all

CAMERAS, TYPES, SERVICES = ("c1", "门口", "system"), ("人脸", "车辆"), ("a", "b")


@dataclass
class _Saved:
    id: int
    task_id: str
    task_type: str
    detection_count: int
    created_at: float
    algorithm_id: str
    confidence: float
    reviewed: bool


def _save(database: Database, draw: random.Random, count: int) -> list[_Saved]:
    """Alerts over many blocks of ids, newest first."""
    saved, id_ = [], 0
    for number in range(count):
        id_ += draw.choice((1, 1, 1, 40, 9_000))
        camera = draw.choice(CAMERAS)
        saved.append(
            _Saved(
                id_,
                camera,
                draw.choice(TYPES),
                0 if camera == "system" else draw.choice((0, 1, 5)),
                float(number),
                draw.choice(SERVICES),
                draw.choice((0.2, 0.9)),
                draw.random() < 0.3,
            )
        )
    update = text(
        "UPDATE alerts SET algorithm_id = :algorithm_id, confidence = :confidence WHERE id = :id"
    )
    with database.write() as conn:
        insert_all(conn, [vars(alert) for alert in saved])
        conn.execute(update, [vars(alert) for alert in saved])
        alert_reviews.mark(conn, [alert.id for alert in saved if alert.reviewed], "li", 1.0)
    return saved[::-1]


def _of_camera(types: list[str]) -> list[dict[str, Any]]:
    """An alert of each of these types, with ids from 1 on."""
    fixed = {"task_id": "c1", "detection_count": 1, "created_at": 1.0}
    return [{**fixed, "id": number, "task_type": kind} for number, kind in enumerate(types, 1)]


def _matches(alert: _Saved, choice: AlertChoice) -> bool:
    plain = choice.plain
    return (
        alert.task_id != "system"
        and plain.task_id in (None, alert.task_id)
        and plain.task_type in (None, alert.task_type)
        and alert.detection_count >= (plain.min_detections or 0)
        and alert.created_at >= (plain.start_time or 0)
        and choice.algorithm_id in (None, alert.algorithm_id)
        and alert.confidence >= (choice.min_confidence or 0)
        and choice.reviewed in (None, alert.reviewed)
    )


def test_parts_of_a_chosen_list_equal_a_plain_reading(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(7)
    saved = _save(database, draw, 300)
    for _ in range(20):
        monkeypatch.setattr(alert_parts, "READ", draw.choice((1, 7, 4096)))
        monkeypatch.setattr(alert_search, "_READ_TO_COUNT", draw.choice((7, 24_576)))
        monkeypatch.setattr(alert_search, "MOST_COUNTED", draw.choice((10, 1000)))
        for module, name in (
            (alert_search, "_ENTRIES"),
            (alert_search, "_ENTRIES_TO_COUNT"),
            (alert_changes, "_ENTRIES_TO_COUNT"),
        ):
            monkeypatch.setattr(module, name, draw.choice((9, 5_000, 40_960)))
        monkeypatch.setattr(alert_search, "_COUNTED", draw.choice((5, 100_000)))
        monkeypatch.setattr(alert_changes, "_ENTRIES", draw.choice((9, 8192)))
        plain = AlertFilter(
            task_id=draw.choice((None, None, "c1")),
            task_type=draw.choice((None, "人脸")),
            min_detections=draw.choice((None, 1)),
            start_time=draw.choice((None, 100.0)),
        )
        choice = AlertChoice(
            plain,
            draw.choice((None, "a")),
            draw.choice((None, 0.5)),
            draw.choice((None, True, False)),
        )
        expected = [alert.id for alert in saved if _matches(alert, choice)]
        found: list[int] = []
        before: int | None = None
        with database.snapshot() as conn:
            while True:
                part = alert_search.page(conn, choice, 20, before)
                found += [row.id for row in part.rows]
                assert part.total in (None, len(expected))
                assert (part.at_least or 0) <= len(expected)
                if part.next is None:
                    break
                assert before is None or part.next < before
                before = part.next
        assert found == expected, choice
        assert _counted(database, choice) == len(expected), choice
        assert _previewed(database, choice) == len(expected), choice
        assert _taken(database, choice, draw.choice((1, 7, 200))) == expected, choice


def _counted(database: Database, choice: AlertChoice) -> int:
    """The alerts of all parts that are counted."""
    count, before = 0, None
    with database.snapshot() as conn:
        while True:
            part = alert_search.count(conn, choice, before)
            assert part.alerts <= alert_search.MOST_COUNTED
            count += part.alerts
            if part.next is None:
                return count
            assert before is None or part.next < before
            before = part.next


def _previewed(database: Database, choice: AlertChoice) -> int:
    """The alerts that a change would take."""
    count, before = 0, None
    with database.snapshot() as conn:
        while True:
            part = alert_changes.count(conn, choice, before)
            count += part.alerts
            if part.next is None:
                return count
            assert before is None or part.next < before
            before = part.next


def _taken(database: Database, choice: AlertChoice, most: int) -> list[int]:
    """The alerts that a change takes."""
    found: list[int] = []
    before: int | None = 2**62
    with database.snapshot() as conn:
        while before is not None:
            part, following = alert_changes.ids(conn, choice, most, before)
            assert len(part) <= most
            assert following is None or following < before
            found, before = found + part, following
    return found


@pytest.mark.parametrize("entries", [7, 8, 9])
def test_change_ends_at_the_first_id_and_never_begins_again_at_newer_alerts(
    database: Database, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_changes, "_ENTRIES", entries)
    with database.write() as conn:
        insert_all(conn, _of_camera([*["车辆"] * 8, "人脸"]))
        assert alert_changes.newest(conn) == 9
    choice = AlertChoice(AlertFilter(task_type="人脸"))
    with database.snapshot() as conn:
        ids, following = alert_changes.ids(conn, choice, 200, 9)  # below the alert that came later
        while following is not None:
            more, following = alert_changes.ids(conn, choice, 200, following)
            ids += more
    assert ids == []


@pytest.mark.parametrize("extra", [{"min_confidence": 2.0}, {"reviewed": False}], ids=str)
def test_preview_of_a_camera_reads_a_bounded_number_of_its_rows_at_once(
    database: Database, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_changes, "_ENTRIES_TO_COUNT", 100)
    with database.write() as conn:
        insert_all(conn, _of_camera(["车辆"] * 1000))
    choice = AlertChoice(AlertFilter("c1"), **extra)
    with database.snapshot() as conn:
        part = alert_changes.count(conn, choice)
    assert part.next == 901
    assert _previewed(database, choice) == (0 if "min_confidence" in extra else 1000)


@pytest.mark.parametrize("wanted", [{}, {"min_detections": 1}, {"task_id": "c1"}], ids=str)
def test_part_of_a_change_costs_the_same_however_many_alerts_there_are(
    database: Database, wanted: dict[str, Any]
) -> None:
    with database.write() as conn:
        insert_all(conn, _of_camera(["车辆"] * 3000))
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("ANALYZE alerts"))
    choice = AlertChoice(AlertFilter(**wanted))
    read: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        read.append(statement)

    with database.snapshot() as conn:
        event.listen(database.engine, "before_cursor_execute", note)
        ids, _ = alert_changes.ids(conn, choice, 5, 2001)
    assert ids == [2000, 1999, 1998, 1997, 1996]
    assert "count(" not in " ".join(read)
    assert "alert_counts" not in " ".join(read)


def test_choice_that_no_alert_has_reads_a_bounded_number_of_alerts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(database, random.Random(7), 300)
    monkeypatch.setattr(alert_parts, "READ", 7)
    read: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        read.append(statement)

    choice = AlertChoice(AlertFilter(task_type="人脸"), min_confidence=2.0)
    with database.snapshot() as conn:
        event.listen(database.engine, "before_cursor_execute", note)
        found = alert_search.page(conn, choice, 20)
    assert (found.rows, found.total) == ([], None)
    assert found.next is not None
    assert len(read) < 2 * 7 + 2


@pytest.mark.parametrize("task_id", [None, "c1"])
@pytest.mark.parametrize("reviewed", [None, True, False])
def test_list_of_a_rare_type_reads_a_bounded_number_of_index_entries(
    database: Database, task_id: str | None, reviewed: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_search, "_ENTRIES", 100)
    with database.write() as conn:
        types = ["rare" if number in (1, 1000) else "车辆" for number in range(1, 1001)]
        insert_all(conn, _of_camera(types))
        alert_reviews.mark(conn, list(range(1, 1001)), "li", 1.0)
    choice = AlertChoice(AlertFilter(task_id, "rare"), min_confidence=2.0, reviewed=reviewed)
    spans: list[int] = []

    def note(_conn: Any, clause: Any, _many: Any, values: Any, _options: Any) -> None:
        if ":read" in str(clause):
            spans.append(min(values["last_id"], 1000) - values["first_id"] + 1)

    before: int | None = None
    ends: list[int | None] = []
    with database.snapshot() as conn:
        event.listen(database.engine, "before_execute", note)
        while not ends or before is not None:
            spans.clear()
            before = alert_search.page(conn, choice, 20, before).next
            ends.append(before)
            assert sum(spans) <= 2 * 100  # two statements
    assert ends == [*range(901, 0, -100), None]


@pytest.mark.parametrize("busy", [1001, 1000])
def test_list_of_a_busy_camera_has_a_number_below_its_total(
    database: Database, busy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_search, "_COUNTED", 1000)
    with database.write() as conn:
        insert_all(conn, _of_camera([TYPES[number % 2] for number in range(busy)]))
    for task_type, among_newest in ((None, 1000), (TYPES[0], 500)):
        with database.snapshot() as conn:
            part = alert_search.page(conn, AlertChoice(AlertFilter("c1", task_type)), 20)
        assert len(part.rows) == 20
        if busy > 1000:
            assert (part.total, part.at_least) == (None, among_newest)
        else:
            assert (part.total, part.at_least) == (among_newest, None)
