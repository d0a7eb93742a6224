"""The kept counts of alerts equal the alerts however sessions of PostgreSQL meet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Connection, text

from easyai.db import alert_counts, alert_lists, alerts, migrate
from easyai.db.alert_filter import AlertFilter
from easyai.db.session import Database
from tests.support.alert_rows import insert
from tests.support.kept_counts import require_equal


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A migrated database."""
    migrate.upgrade(postgres_url)
    database = Database(postgres_url)
    yield database
    database.dispose()


def _add(conn: Connection, *ids: int) -> None:
    """Insert alerts that share a count."""
    for id_ in ids:
        values = {"task_type": "t", "detection_count": 1, "created_at": float(id_)}
        insert(conn, id=id_, task_id="c", **values)


def test_merge_keeps_bounds_that_a_writers_part_still_needs(database: Database) -> None:
    with database.write() as conn:
        _add(conn, 100)
    with database.write() as conn:
        alert_counts.merge(conn)
    writer = Database(database.url)
    with writer.write() as conn:
        _add(conn, 200)
    with suppress(KeyError), writer.write() as conn:  # the same session: its part is in use
        _add(conn, 300)
        with database.write() as other:
            alerts.remove(other, [200])
        with database.write() as other:
            alert_counts.merge(other)
        raise KeyError  # rolls back
    require_equal(database)
    with database.write() as conn:
        alert_counts.merge(conn)
    require_equal(database)
    with database.snapshot() as conn:
        listed = alert_lists.page(conn, AlertFilter(), 10)
    assert ([row.id for row in listed.rows], listed.total) == ([100], 1)
    writer.dispose()


def test_truncating_alerts_forgets_counts_that_are_being_merged(database: Database) -> None:
    with database.write() as conn:
        _add(conn, 100)

    def truncate() -> None:
        with database.write() as conn:
            conn.execute(text("TRUNCATE alerts"))

    truncating = threading.Thread(target=truncate)
    with database.write() as conn:
        alert_counts.merge(conn)
        truncating.start()
        truncating.join(0.5)  # waits for the merge
    truncating.join()
    require_equal(database)


@pytest.mark.parametrize("path", ["", "elsewhere"])
def test_session_with_another_search_path_keeps_counts_equal(database: Database, path: str) -> None:
    with database.write() as conn:
        conn.execute(text("CREATE SCHEMA elsewhere"))
        conn.execute(text("CREATE TABLE elsewhere.alert_counts (LIKE public.alert_counts)"))
    for change in (
        "INSERT INTO public.alerts (id, task_id, task_type, image_path, algorithm_id,"
        " algorithm_name, result, confidence, detection_count, inference_time_ms, created_at,"
        " updated_at) SELECT n, 'c', 't', '', 'a', 'a', '{}', 1, 1, 1, 1, 1"
        " FROM pg_catalog.generate_series(1, 5) AS s(n)",
        "UPDATE public.alerts SET task_type = 'u' WHERE id = 1",
        "DELETE FROM public.alerts WHERE id = 2",
        "TRUNCATE public.alerts",
    ):
        with database.write() as conn:
            conn.execute(text(f"SET LOCAL search_path = '{path}'"))
            conn.execute(text(change))
        require_equal(database)


def test_migration_cannot_deadlock_with_a_reader_that_deletes(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.write() as conn:
        migrate.upgrade_within(conn, "0011")
        insert(conn, id=1, task_id="c", task_type="t", detection_count=1, created_at=1.0)
    migrating = threading.Thread(target=migrate.upgrade, args=[postgres_url])
    with database.write() as conn:
        known = list(conn.execute(text("SELECT id FROM alerts")).scalars())
        migrating.start()
        migrating.join(1.0)  # waits for this transaction
        alerts.remove(conn, known)
    migrating.join()
    require_equal(database)
    database.dispose()
