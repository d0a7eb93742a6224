"""A migration composes the names that an earlier version stored decomposed, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

import pytest
from sqlalchemy import insert, inspect, text

from easyai.db import migrate
from easyai.db.models import (
    Alarm,
    Alert,
    DeletedAlert,
    Frame,
    RegistrationRequest,
    Service,
    ServiceTaskType,
    Statistic,
    TaskType,
)
from easyai.db.session import Database

TYPE, CAMERA = "Café", "Entrée"  # composed
OLD, OLD_CAMERA = normalize("NFD", TYPE), normalize("NFD", CAMERA)
KEY = f"{OLD}/{OLD_CAMERA}/é.jpg"
ALERT = {
    "algorithm_id": "a",
    "algorithm_name": "a",
    "result": "{}",
    "confidence": 0.5,
    "detection_count": 1,
    "inference_time_ms": 1.0,
    "created_at": 1.0,
    "updated_at": 1.0,
}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of the previous version."""
    migrate.upgrade(database_url)
    migrate.downgrade(database_url, "0007")
    database = Database(database_url)
    yield database
    database.dispose()


def _add(database: Database, model: Any, *rows: dict[str, Any]) -> None:
    with database.write() as conn:
        for row in rows:  # separate inserts: the rows may have different columns
            conn.execute(insert(model).values(**row))


def _rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.read() as conn:
        return [tuple(row) for row in conn.execute(text(sql))]


def _columns(database: Database, table: str) -> str:
    return ", ".join(str(column["name"]) for column in inspect(database.engine).get_columns(table))


def _frame(key: str, task_type: str, task_id: str, stream: str | None) -> dict[str, Any]:
    times = {"captured_at": 1.0, "found_at": 1.0, "due_at": 1.0}
    names = {"key": key, "task_type": task_type, "task_id": task_id, "stream": stream}
    return {"state": "pending", "version": "v", **times, **names}


def _service(database: Database, number: int, *types: str) -> None:
    times = dict.fromkeys(("state_since", "register_at", "last_heartbeat", "last_evidence"), 1.0)
    texts = {"name": "a", "version": "", "state": "online", "state_reason": ""}
    row = {"pk": number, "service_id": "a", "endpoint": f"http://{number}/", **times, **texts}
    _add(database, Service, row)
    _add(database, ServiceTaskType, *({"service_pk": number, "task_type": name} for name in types))


def test_migration_composes_names_of_frames_and_alerts_and_keeps_keys(database: Database) -> None:
    other = "人数统计/门口2/1.jpg"
    _add(
        database,
        Frame,
        _frame(KEY, OLD, OLD_CAMERA, OLD_CAMERA),
        _frame(f"{TYPE}/{CAMERA}/é.jpg", TYPE, CAMERA, None),
        _frame(other, "人数统计", "门口2", None),
    )
    path = f"alerts/{KEY}"
    names = {"task_type": OLD, "task_id": OLD_CAMERA, "image_path": path}
    _add(database, Alert, ALERT | names, ALERT | {**names, "task_id": "b", "image_path": ""})
    _add(database, DeletedAlert, ALERT | names | {"id": 9})
    migrate.upgrade(database.url)

    assert _rows(database, "SELECT key, task_type, task_id, stream FROM frames ORDER BY id") == [
        (KEY, TYPE, CAMERA, CAMERA),
        (f"{TYPE}/{CAMERA}/é.jpg", TYPE, CAMERA, None),
        (other, "人数统计", "门口2", None),
    ]
    columns = "task_type, task_id, image_path"
    found = _rows(database, f"SELECT {columns} FROM alerts ORDER BY id")
    assert found == [(TYPE, CAMERA, path), (TYPE, "b", "")]
    assert _rows(database, f"SELECT {columns} FROM deleted_alerts") == [(TYPE, CAMERA, path)]


def test_migration_merges_the_rows_of_a_type_with_two_names(database: Database) -> None:
    _add(
        database,
        TaskType,
        {"name": TYPE, "first_seen": 2.0, "seen_at": 90.0, "framed_at": 0.0, "sampling_n": 1},
        {
            "name": OLD,
            "first_seen": 3.0,
            "seen_at": 80.0,
            "framed_at": 70.0,
            "sampling_n": 4,
            "rung_at": 60.0,
        },
        {"name": "人脸", "first_seen": 1.0, "rung_at": 50.0},
    )
    migrate.upgrade(database.url)
    columns = "name, first_seen, seen_at, framed_at, sampling_n, rung_at"
    assert _rows(database, f"SELECT {columns} FROM task_types ORDER BY first_seen") == [
        ("人脸", 1.0, 0.0, 0.0, 1, 50.0),
        (TYPE, 2.0, 90.0, 70.0, 4, 0.0),
    ]


def test_migration_adds_sums_and_keeps_maxima_of_merged_statistics(database: Database) -> None:
    def row(bucket: int, name: str, count: int, longest: float) -> dict[str, Any]:
        counts = {"found": count, "discarded": count, "infer_ms_sum": count / 2}
        return {"bucket": bucket, "task_type": name, **counts, "infer_ms_max": longest}

    half = normalize("NFD", "Café à") + "é"  # neither composed nor decomposed
    _add(
        database,
        Statistic,
        row(10, TYPE, 1, 7.0),
        row(10, OLD, 20, 5.0),
        row(20, OLD, 300, 6.0),
        row(20, "人脸", 4000, 1.0),
        row(30, half, 1, 2.0),
        row(30, normalize("NFD", half), 20, 9.0),
    )
    migrate.upgrade(database.url)
    columns = "bucket, task_type, found, discarded, infer_ms_sum, infer_ms_max"
    assert _rows(database, f"SELECT {columns} FROM statistics ORDER BY bucket, found") == [
        (10, TYPE, 21, 21, 10.5, 7.0),
        (20, TYPE, 300, 300, 150.0, 6.0),
        (20, "人脸", 4000, 4000, 2000.0, 1.0),
        (30, normalize("NFC", half), 21, 21, 10.5, 9.0),
    ]


def test_migration_composes_service_types_once_and_bumps_the_generation(
    database: Database,
) -> None:
    _service(database, 1, OLD, TYPE, "人脸")
    _service(database, 2, OLD)
    registration = json.dumps({"task_types": [OLD, TYPE], "name": "门"}, ensure_ascii=False)
    request = {"service_id": "b", "endpoint": "c", "registration": registration}
    times = {"registered_from": "", "asked_at": 1.0, "last_heartbeat": 1.0}
    _add(database, RegistrationRequest, request | times)
    (before,) = _rows(database, "SELECT number FROM generations")
    migrate.upgrade(database.url)

    found = _rows(database, "SELECT service_pk, task_type FROM service_task_types")
    assert sorted(found) == [(1, TYPE), (1, "人脸"), (2, TYPE)]
    assert _rows(database, "SELECT number FROM generations") == [(before[0] + 1,)]
    ((stored,),) = _rows(database, "SELECT registration FROM registration_requests")
    assert json.loads(stored) == {"task_types": [TYPE], "name": "门"}


def test_ringing_alarm_of_a_type_continues_under_its_composed_name(database: Database) -> None:
    row = {"cause": "c", "raised_at": 1.0, "told_at": 2.0, "over_at": None}
    endpoint = normalize("NFD", "http://é/")
    _add(
        database,
        Alarm,
        row | {"kind": "no_algorithm", "subject": OLD},
        row | {"kind": "inference_stalled", "subject": TYPE},
        row | {"kind": "inference_stalled", "subject": OLD},
        row | {"kind": "service_offline", "subject": endpoint},
        row | {"kind": "no_algorithm", "subject": OLD, "over_at": 3.0},
    )
    migrate.upgrade(database.url)
    assert _rows(database, "SELECT kind, subject, over_at FROM alarms ORDER BY id") == [
        ("no_algorithm", TYPE, None),
        ("inference_stalled", TYPE, None),
        ("inference_stalled", OLD, 2.0),
        ("service_offline", endpoint, None),
        ("no_algorithm", OLD, 3.0),
    ]


def test_migration_writes_nothing_when_every_name_is_composed(database: Database) -> None:
    _add(database, TaskType, {"name": TYPE, "first_seen": 1.0, "rung_at": 50.0})
    _service(database, 1, TYPE)
    _add(database, Frame, _frame(f"{TYPE}/{CAMERA}/1.jpg", TYPE, CAMERA, CAMERA))
    tables = ("task_types", "service_task_types", "frames", "generations")
    # Later migrations add columns.
    found = [f"SELECT {_columns(database, table)} FROM {table}" for table in tables]
    before = [_rows(database, sql) for sql in found]
    migrate.upgrade(database.url)
    assert [_rows(database, sql) for sql in found] == before
