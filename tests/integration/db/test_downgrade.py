"""Downgrade to an older revision and upgrade keep statistics, outbox and identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from easyai.db import migrate
from easyai.db.session import Database

_COLUMNS = (
    "found, queue_full, too_old, disk_low, sampled, requests, responses, successes, failures,"
    " processed, infer_ms_sum, infer_ms_max, moves, moves_failed, move_ms_sum, move_ms_max,"
    " superseded"
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate.upgrade(database_url)
    database = Database(database_url)
    _statistics(database, 0, "人数统计", 100)
    _statistics(database, 0, "人脸", 40)
    _statistics(database, 1_000_000_010, "人脸", 7)
    for number, published_at in enumerate((None, 0.0, 1_700_000_000.5, -2.0, None)):
        _alert(database, f"alerts/人脸/门口/{number}.jpg", published_at)
    yield database
    database.dispose()


def _statistics(database: Database, bucket: int, task_type: str, count: int) -> None:
    values = ", ".join(str(count + number) for number in range(len(_COLUMNS.split(","))))
    _write(
        database,
        f"INSERT INTO statistics (bucket, task_type, {_COLUMNS}, updated_at)"
        f" VALUES ({bucket}, '{task_type}', {values}, 1000)",
    )


def _alert(database: Database, path: str, published_at: float | None) -> None:
    _write(
        database,
        "INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
        " confidence, detection_count, inference_time_ms, created_at, updated_at, published_at)"
        f" VALUES ('门口', '人脸', '{path}', 'a', 'a', '{{}}', 0.5, 1, 1, 1, 1, :at)",
        at=published_at,
    )


def _write(database: Database, sql: str, **values: Any) -> None:
    with database.write() as conn:
        conn.execute(text(sql), values)


def _rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.read() as conn:
        return [tuple(row) for row in conn.execute(text(sql))]


def _down(database: Database, revision: str) -> None:
    with database.write() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.downgrade(config, revision)


_STATISTICS = f"SELECT bucket, task_type, {_COLUMNS} FROM statistics ORDER BY bucket, task_type"
_OUTBOX = "SELECT image_path, published_at FROM alerts ORDER BY id"


@pytest.mark.parametrize("revision", ["0004", "0003", "0002", "0001"])
def test_downgrade_and_upgrade_keep_statistics_and_outbox(
    database: Database, revision: str
) -> None:
    tables = ("installation", "deletions", "registration_requests")
    queries = (_STATISTICS, _OUTBOX, *(f"SELECT * FROM {name}" for name in tables))
    _write(database, "INSERT INTO registration_requests VALUES ('a', 'http://b', '{}', '', 1, 2)")
    _write(database, "INSERT INTO deletions (key, version, asked_at) VALUES ('k', 'v', 5)")
    before = [_rows(database, sql) for sql in queries]
    _down(database, revision)
    migrate.upgrade(database.url)
    assert [_rows(database, sql) for sql in queries] == before
    # Ids are still generated.
    _write(database, "INSERT INTO deletions (key, version, asked_at) VALUES ('l', 'v', 6)")
    assert len(_rows(database, "SELECT DISTINCT id FROM deletions")) == 2


def test_downgrade_to_the_first_version_sums_statistics_over_types(database: Database) -> None:
    _down(database, "0001")
    sql = (
        "SELECT bucket, requests, responses, infer_ms_max, dropped FROM statistics ORDER BY bucket"
    )
    # Of each type: `found` is its count, and each next column is larger by 1.
    assert _rows(database, sql) == [
        (0, 105 + 45, 106 + 46, 111.0, 101 + 102 + 103 + 104 + 41 + 42 + 43 + 44),
        (1_000_000_010, 12, 13, 18.0, 8 + 9 + 10 + 11),
    ]


def test_upgrade_adds_counts_of_the_first_version_under_no_type(database: Database) -> None:
    before = _rows(database, _STATISTICS)
    _down(database, "0001")
    for sql in (
        "UPDATE statistics SET requests = requests + 5, processed = processed + 3,"
        " infer_ms_sum = infer_ms_sum + 12.5 WHERE bucket = 0",
        "INSERT INTO statistics (bucket, requests, updated_at) VALUES (1000000020, 9, 1001)",
    ):
        _write(database, sql)
    migrate.upgrade(database.url)
    after = _rows(database, _STATISTICS)
    assert [row for row in after if row[1]] == before
    added = _rows(
        database,
        "SELECT bucket, requests, processed, infer_ms_sum, found FROM statistics"
        " WHERE task_type = '' ORDER BY bucket",
    )
    assert added == [(0, 5, 3, 12.5, 0), (1_000_000_020, 9, 0, 0.0, 0)]


def test_upgrade_keeps_a_statistics_reset_of_the_first_version(database: Database) -> None:
    _down(database, "0001")
    _write(database, "DELETE FROM statistics")
    _write(database, "INSERT INTO statistics (bucket, requests, updated_at) VALUES (0, 2, 1001)")
    migrate.upgrade(database.url)
    assert _rows(database, "SELECT bucket, task_type, requests FROM statistics") == [(0, "", 2)]


def test_upgrade_does_not_restore_superseded_counts_from_before_a_reset(database: Database) -> None:
    _down(database, "0003")
    _write(database, "DELETE FROM statistics WHERE bucket = 0")
    _write(
        database,
        "INSERT INTO statistics (bucket, task_type, requests, updated_at)"
        " VALUES (0, '人脸', 2, 1001)",
    )
    migrate.upgrade(database.url)
    sql = "SELECT bucket, task_type, superseded FROM statistics ORDER BY bucket"
    assert _rows(database, sql) == [(0, "人脸", 0), (1_000_000_010, "人脸", 7 + 16)]


def test_upgrade_does_not_queue_alerts_of_the_first_version_for_the_bus(database: Database) -> None:
    _down(database, "0001")
    _write(database, "DELETE FROM alerts WHERE image_path LIKE '%0.jpg'")
    _write(
        database,
        "INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
        " confidence, detection_count, inference_time_ms, created_at, updated_at)"
        " VALUES ('c', 't', 'alerts/new.jpg', 'a', 'a', '{}', 0.5, 1, 1, 1, 1)",
    )
    migrate.upgrade(database.url)
    waiting = "SELECT image_path FROM alerts WHERE published_at IS NULL"
    assert _rows(database, waiting) == [("alerts/人脸/门口/4.jpg",)]


def test_downgrade_keeps_unpublished_deleted_alerts_in_the_outbox(
    database: Database,
) -> None:
    _write(
        database,
        "INSERT INTO deleted_alerts (id, task_id, task_type, image_path, algorithm_id,"
        " algorithm_name, result, confidence, detection_count, inference_time_ms, created_at,"
        " updated_at)"
        " VALUES (77, '门口', '人脸', 'alerts/人脸/门口/1.jpg', 'a', 'a', '{}', 1, 1, 1, 2, 2)",
    )
    _down(database, "0004")
    waiting = "SELECT id, image_path FROM alerts WHERE published_at IS NULL AND id > 10"
    assert _rows(database, waiting) == [(77, "")]
    migrate.upgrade(database.url)
    assert _rows(database, waiting) == [(77, "")]
