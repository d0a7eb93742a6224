"""``easyai db``."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.db import processes, space
from easyai.db.revision import newest
from easyai.db.session import Database
from tests.support.installation import Installation


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation whose database has not been made."""
    made = Installation(tmp_path, monkeypatch, migrated=False)
    yield made
    made.close()


def test_upgrade_makes_the_tables_and_may_be_run_again(empty: Installation) -> None:
    for _ in range(2):
        result = empty.run("db", "upgrade")
        assert result.exit_code == 0, result.output
        assert "database ready: sqlite:///" in result.stdout
    assert empty.run("frames").exit_code == 1


def test_current_reports_up_to_date_after_an_upgrade(empty: Installation) -> None:
    empty.run("db", "upgrade")
    result = empty.run("db", "current")
    assert result.exit_code == 0
    assert "up to date" in result.stdout
    body = json.loads(empty.run("db", "current", "--json").stdout)
    assert body["up_to_date"] is True
    assert body["revision"] == body["newest"]


def test_current_names_the_upgrade_that_is_due(empty: Installation) -> None:
    empty.execute("CREATE TABLE something_else (x INTEGER)")
    result = empty.run("db", "current")
    assert result.exit_code == 1
    assert "revision none" in result.stdout
    assert "db upgrade" in result.stdout


def test_current_without_a_database_makes_none(empty: Installation) -> None:
    result = empty.run("db", "current")
    assert result.exit_code == 2
    assert "db upgrade" in result.stderr
    assert list(empty.folder.iterdir()) == []


def test_the_password_of_the_database_is_not_shown(
    empty: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/x")
    for command in ("upgrade", "current"):
        result = empty.run("db", command)
        assert result.exit_code == 2
        assert result.stderr.startswith("easyai: the database does not answer")
        assert "geheim" not in result.output


def test_size_names_every_table_with_its_rows_and_its_limit(installation: Installation) -> None:
    installation.frame()
    tables = json.loads(installation.run("db", "size", "--json").stdout)["tables"]
    by_name = {table["name"]: table for table in tables}
    assert by_name["frames"]["rows"] == 1
    assert by_name["frames"]["size_bytes"] > 0
    assert "max_history_rows = 2000000" in by_name["frames"]["limit"]
    shown = installation.run("db", "size").stdout
    assert "max_alerts_in_db = 1000" in shown
    assert "free inside" in shown


def test_size_names_the_version_of_sqlite_and_its_guard(installation: Installation) -> None:
    shown = installation.run("db", "size").stdout
    assert f"SQLite {sqlite3.sqlite_version}" in shown
    assert "take turns by easyai.db-guard." in shown
    body = json.loads(installation.run("db", "size", "--json").stdout)["library"]
    assert (body["version"], body["guard"]) == (sqlite3.sqlite_version, "easyai.db-guard")


def test_compact_makes_a_file_of_an_older_version_small_and_able_to_shrink(
    installation: Installation,
) -> None:
    path = installation.folder / "easyai.db"
    with installation.db.outside_transaction() as cursor:
        cursor.execute("PRAGMA auto_vacuum=NONE")
        cursor.execute("VACUUM")
    for _ in range(500):
        installation.frame(reason="x" * 2000)
    installation.execute("DELETE FROM frames WHERE id > 1")
    assert space.space(installation.db).shrinks is False
    assert "`db compact`" in installation.run("db", "size").stderr
    result = installation.run("db", "compact")
    assert (result.exit_code, "compacted in" in result.stdout) == (0, True), result.output
    database = Database(installation.database_url)
    after = space.space(database)
    database.dispose()
    assert after.shrinks
    assert path.stat().st_size == after.size < 500_000
    assert json.loads(installation.run("frames", "--json").stdout)


def test_compact_beside_a_running_easyai_needs_an_option(installation: Installation) -> None:
    with installation.db.write() as conn:
        processes.beat(conn, "worker", "here", 1, time.time())
    refused = installation.run("db", "compact")
    assert refused.exit_code == 1
    assert "worker@here:1" in refused.stderr
    assert "--beside" in refused.stderr
    assert installation.run("db", "compact", "--beside").exit_code == 0


def test_downgrade_prepares_the_database_for_an_older_version(installation: Installation) -> None:
    installation.frame()
    result = installation.run("db", "downgrade", "0004")
    assert (result.exit_code, "revision 0004" in result.stdout) == (0, True), result.output
    assert json.loads(installation.run("db", "current", "--json").stdout)["revision"] == "0004"
    assert installation.run("db", "upgrade").exit_code == 0
    assert len(json.loads(installation.run("frames", "--json").stdout)["frames"]) == 1


@pytest.mark.parametrize("target", ["9999", "newest", "base", "-1", "head", ""])
def test_downgrade_names_the_older_revisions_there_are(
    installation: Installation, target: str
) -> None:
    revision = newest() if target == "newest" else target
    result = installation.run("db", "downgrade", "--", str(revision))
    assert result.exit_code == 2
    assert "choose one of 0001, 0002, 0003, 0004" in result.stderr


def test_downgrade_under_a_running_easyai_is_refused(installation: Installation) -> None:
    with installation.db.write() as conn:
        processes.beat(conn, "worker", "here", 1, time.time())
    refused = installation.run("db", "downgrade", "0004")
    assert (refused.exit_code, "worker@here:1" in refused.stderr) == (1, True)
    assert installation.run("db", "current").exit_code == 0


def test_a_database_of_a_later_version_is_named_with_the_way_back(
    installation: Installation,
) -> None:
    installation.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (("upgrade",), ("downgrade", "0004")):
        result = installation.run("db", *command)
        assert result.exit_code == 2
        assert "revision 9999, made by a later version of easyai" in result.stderr
        assert f"db downgrade {newest()}" in result.stderr
    result = installation.run("db", "current")
    assert (result.exit_code, "db upgrade" in result.stdout) == (1, False)
    assert "later version" in installation.run("diagnose", "--no-probes").stdout
