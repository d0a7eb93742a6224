"""Operators see the version of SQLite and its guard."""

from __future__ import annotations

import sqlite3

import pytest

from easyai.messages.catalogue import text
from easyai.process import database_library as module
from easyai.process.database_library import library


def test_sqlite_is_named_with_its_version_and_guard() -> None:
    found = library("sqlite:////var/lib/easyai/easyai.db")
    assert (found.name, found.version) == ("SQLite", sqlite3.sqlite_version)
    assert found.guard == "easyai.db-guard"
    for wording in (text(found.summary), text(found.summary, "zh")):
        assert f"SQLite {sqlite3.sqlite_version}" in wording
        assert "easyai.db-guard" in wording


@pytest.mark.parametrize("affected", [True, False])
def test_sqlite_release_with_the_wal_race_is_named(
    monkeypatch: pytest.MonkeyPatch, affected: bool
) -> None:
    monkeypatch.setattr(module, "has_wal_reset_race", lambda: affected)
    found = library("sqlite:///a.db")
    assert found.wal_reset_race is affected
    for language in ("en", "zh"):
        assert ("WAL-reset" in text(found.summary, language)) is affected


def test_postgresql_has_no_guard_and_no_secret_is_shown() -> None:
    found = library("postgresql://user:hunter2@host/name")
    assert (found.name, found.version, found.guard) == ("PostgreSQL", None, None)
    assert "hunter2" not in text(found.summary)
