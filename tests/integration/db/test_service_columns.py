"""A release goes on reading services after a newer release has added a column."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from easyai.db import diagnosis_facts, processes, services
from easyai.db.migrate import upgrade
from easyai.db.service_columns import COLUMNS
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError

_PREPARED_AFTER = 6  # executions on a connection: psycopg prepares a statement that is repeated


@pytest.fixture
def db(database_url: str) -> Database:
    """A database that is up to date."""
    upgrade(database_url)
    return Database(database_url)


def test_every_column_of_services_is_named(db: Database) -> None:
    columns = [column["name"] for column in inspect(db.engine).get_columns("services")]
    assert sorted(columns) == sorted(COLUMNS)
    db.dispose()


def test_prepared_statements_survive_a_new_column(db: Database) -> None:
    def read() -> None:
        with db.write() as conn:
            services.all_services(conn)
            services.at_endpoint(conn, "http://127.0.0.1:9/infer")
            services.lock(conn, [1])
            diagnosis_facts.services(conn)

    for _ in range(_PREPARED_AFTER):
        read()
    other = Database(db.url)
    with other.write() as conn:
        conn.execute(text("ALTER TABLE services ADD COLUMN of_a_newer_release INTEGER"))
    other.dispose()
    read()
    db.dispose()


def test_other_prepared_statements_work_again_after_the_next_rollback(db: Database) -> None:
    def read() -> None:
        with db.read() as conn:
            processes.all_processes(conn)

    for _ in range(_PREPARED_AFTER):
        read()
    other = Database(db.url)
    with other.write() as conn:
        conn.execute(text("ALTER TABLE processes ADD COLUMN of_a_newer_release INTEGER"))
    other.dispose()
    if not db.is_sqlite:
        with pytest.raises(DatabaseUnavailableError):
            read()
    read()
    db.dispose()
