"""``easyai db``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_current_says_up_to_date_after_an_upgrade(empty: Installation) -> None:
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
    assert "easyai db upgrade" in result.stdout


def test_current_without_a_database_makes_none(empty: Installation) -> None:
    result = empty.run("db", "current")
    assert result.exit_code == 2
    assert "easyai db upgrade" in result.stderr
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
