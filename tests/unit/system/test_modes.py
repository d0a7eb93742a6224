"""Files of easyai are for its user and group, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.db.migrate import upgrade
from easyai.db.session import Database
from easyai.system import modes


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_folders_are_closed_to_others_and_existing_folders_kept(
    tmp_path: Path, umask: int
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    before = _mode(there)
    modes.make_folder(there / "data" / "logs")
    assert _mode(there) == before
    assert [_mode(there / name) for name in ("data", "data/logs")] == [0o750] * 2


def test_new_files_are_closed_to_others(tmp_path: Path, umask: int) -> None:
    with open(tmp_path / "new", "w", opener=modes.opener) as file:
        file.write("x")
    modes.make_file(tmp_path / "empty")
    assert [_mode(tmp_path / name) for name in ("new", "empty")] == [0o640] * 2


def test_file_of_an_earlier_release_loses_only_the_rights_of_others(tmp_path: Path) -> None:
    old = tmp_path / "easyai.db"
    old.touch()
    old.chmod(0o664)
    modes.make_file(old)
    assert _mode(old) == 0o660


def test_sqlite_files_are_closed_to_others(tmp_path: Path, umask: int) -> None:
    file = tmp_path / "data" / "easyai.db"
    url = f"sqlite:///{file}"
    upgrade(url)
    database = Database(url)
    with database.write() as conn:
        conn.exec_driver_sql("DELETE FROM events")
        kept = {path.name: _mode(path) for path in file.parent.iterdir()}
    database.dispose()
    assert {"easyai.db", "easyai.db-wal", "easyai.db-shm", "easyai.db-guard"} <= kept.keys()
    assert set(kept.values()) == {0o640}
    assert _mode(file.parent) == 0o750
