"""The end of a database's connections."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack

import psycopg
import pytest

from easyai.db.session import Database


def test_connection_in_use_at_the_disposal_is_closed_when_it_is_given_back(
    database_url: str,
) -> None:
    database = Database(database_url)
    with ExitStack() as stack:
        conn = stack.enter_context(database.read())
        driver = conn.connection.dbapi_connection
        assert driver is not None
        database.dispose()
        assert conn.exec_driver_sql("SELECT 1").scalar_one() == 1
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        driver.cursor().execute("SELECT 1")
