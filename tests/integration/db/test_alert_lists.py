"""Lists of alerts equal a plain reading of all alerts: any filter, any page, any order of times."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from sqlalchemy import event

from easyai.db import alert_lists, alerts
from easyai.db.alert_filter import AlertFilter
from easyai.db.session import Database
from tests.support.alert_rows import insert_all

CAMERAS, TYPES = ("c1", "c2", "门口", "system"), ("人脸", "车辆", "")
COUNTS = (0, 1, 2, 63, 64, 65, 900)


class _Saved(NamedTuple):
    id: int
    task_id: str
    task_type: str
    detection_count: int
    created_at: float


def _save(database: Database, draw: random.Random, count: int) -> list[_Saved]:
    """Alerts over many blocks of ids, most of them in order of time."""
    saved, id_ = [], 0
    for number in range(count):
        id_ += draw.choice((1, 1, 1, 500, 40_000))
        at = float(number) if draw.random() < 0.95 else draw.uniform(0, count)
        camera, type_ = draw.choice(CAMERAS), draw.choice(TYPES)
        saved.append(_Saved(id_, camera, type_, draw.choice(COUNTS), at))
    with database.write() as conn:
        insert_all(conn, [alert._asdict() for alert in saved])
        gone = draw.sample([alert.id for alert in saved], count // 10)
        alerts.remove(conn, gone)
    return [alert for alert in reversed(saved) if alert.id not in gone]


def _wanted(draw: random.Random, count: int) -> AlertFilter:
    def maybe(value: Any) -> Any:
        return value if draw.random() < 0.35 else None

    return AlertFilter(
        maybe(draw.choice((*CAMERAS, "x"))),
        maybe(draw.choice((*TYPES, "x"))),
        maybe(draw.choice((*COUNTS, 70, -1))),
        maybe(draw.choice((*COUNTS, 70))),
        maybe(draw.uniform(-10, count)),
        maybe(draw.uniform(0, count + 10)),
    )


def _matches(alert: _Saved, wanted: AlertFilter) -> bool:
    return (
        wanted.task_id in (None, alert.task_id)
        and wanted.task_type in (None, alert.task_type)
        and (wanted.min_detections is None or alert.detection_count >= wanted.min_detections)
        and (wanted.max_detections is None or alert.detection_count <= wanted.max_detections)
        and (wanted.start_time is None or alert.created_at >= wanted.start_time)
        and (wanted.end_time is None or alert.created_at <= wanted.end_time)
    )


def test_lists_equal_a_plain_reading_of_all_alerts(database: Database) -> None:
    draw = random.Random(5)
    saved = _save(database, draw, 600)
    for _ in range(300):
        wanted, limit = _wanted(draw, 600), draw.choice((1, 7, 20, 1000))
        expected = [alert.id for alert in saved if _matches(alert, wanted)]
        offset = draw.choice((0, 0, limit, len(expected) - 1, len(expected), 10**6))
        offset = max(0, offset)
        before = draw.choice((*(alert.id for alert in saved[:300]), 1, 10**9))
        with database.snapshot() as conn:
            by_page = alert_lists.page(conn, wanted, limit, offset)
            by_id = alert_lists.page(conn, wanted, limit, before=before)
        assert [row.id for row in by_page.rows] == expected[offset : offset + limit], wanted
        older = [id_ for id_ in expected if id_ < before]
        assert [row.id for row in by_id.rows] == older[:limit], (wanted, before)
        assert by_id.next == (older[limit - 1] if len(older) > limit else None)
        assert by_page.total == by_id.total == len(expected), wanted


def test_page_beyond_the_end_reads_no_alert(database: Database) -> None:
    _save(database, random.Random(5), 50)
    read: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        read.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    with database.read() as conn:
        found = alert_lists.page(conn, AlertFilter(), 20, 100)
    assert (found.rows, found.total) == ([], 45)
    assert not [statement for statement in read if "FROM alerts " in statement]


def test_cameras_with_alerts_are_listed_in_order(database: Database) -> None:
    with database.read() as conn:
        assert alert_lists.task_ids(conn) == []
    _save(database, random.Random(5), 50)
    with database.read() as conn:
        assert alert_lists.task_ids(conn) == sorted(CAMERAS)
