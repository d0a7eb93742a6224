"""A damaged database file is distinguished from a silent database and can be recovered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import DatabaseDamagedError
from tests.support.needs import program
from tests.support.part_process import easyai_command, run_to_end
from tests.support.ports import free_port

PAGE = 4096
FRAMES = 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a service and some thousand frames, closed in order."""
    path = tmp_path / "data" / "easyai.db"
    url = f"sqlite:///{path}"
    migrate.upgrade(url)
    frame = (
        "INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at,"
        " due_at) VALUES (:key, 't', 'c', 'pending', 'v', 1, 1, 1)"
    )
    service = (
        "INSERT INTO services (service_id, name, endpoint, version, state, state_reason,"
        " state_since, register_at, last_heartbeat, last_evidence)"
        " VALUES ('a', 'a', 'http://h/', '1', 'online', '', 1, 1, 1, 1)"
    )
    database = Database(url)
    with database.write() as conn:
        conn.execute(text(frame), [{"key": f"t/c/{number}.jpg"} for number in range(FRAMES)])
        conn.execute(text(service))
    database.dispose()
    return path


def _overwrite(path: Path, first: int, behind: int) -> None:
    with path.open("r+b") as file:
        file.seek(first)
        file.write(os.urandom(behind - first))


@pytest.mark.parametrize(("first", "behind"), [(0, 100), (100, PAGE), (PAGE * 2, PAGE * 60)])
def test_damaged_database_raises_an_error_and_is_not_changed(
    path: Path, first: int, behind: int
) -> None:
    _overwrite(path, first, behind)
    before = path.read_bytes()
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseDamagedError, match="docs/recovery"), database.read() as conn:
        conn.execute(text("SELECT * FROM frames ORDER BY key")).all()
    database.dispose()
    with pytest.raises(DatabaseDamagedError):
        migrate.upgrade(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_easyai_up_with_a_damaged_database_ends_with_the_remedy(path: Path) -> None:
    _overwrite(path, 100, PAGE)
    own = {"EASYAI_DATA_DIR": str(path.parent)}
    ended = run_to_end(easyai_command("up", "--port", str(free_port())), own, path.parents[1])
    assert ended.returncode == 2
    assert "the database file is damaged" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_documented_recovery_restores_services_and_frames(path: Path) -> None:
    _overwrite(path, PAGE * 70, PAGE * 73)
    saved = path.with_name("saved.db")
    shell = program("sqlite3", "the shell of SQLite")
    subprocess.run(
        f"{shell} {path} .recover | {shell} {saved}", shell=True, check=False, capture_output=True
    )
    migrate.upgrade(f"sqlite:///{saved}")
    database = Database(f"sqlite:///{saved}")
    with database.read() as conn:
        assert conn.execute(text("SELECT service_id FROM services")).scalars().all() == ["a"]
        assert conn.execute(text("SELECT count(*) FROM frames")).scalar_one() > FRAMES * 0.8
        assert conn.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
    database.dispose()
