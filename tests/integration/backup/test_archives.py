"""Archives of older and later versions, and hostile archives."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from easyai.backup.archive import Reader, Writer
from easyai.backup.copied_rows import ROWS
from easyai.backup.progress_lines import Progress
from easyai.backup.restore import restore
from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import BackupError
from easyai.settings.source import SettingsSource

_EMPTY: dict[str, Any] = {
    "format": 1,
    "easyai": "0.9",
    "created": "2026-11-01T00:00:00.000Z",
    "created_at": 1_793_491_200.0,
    "installed_at": 1_793_491_100.0,
    "host": "box",
    "installation": "one",
    "database": "SQLite",
    "rows": {},
    "last_alert_id": 7,
    "store": "local",
    "alert_base_path": "alerts/",
    "failed_base_path": "failed/",
    "pictures": {},
    "pictures_bytes": 0,
    "alerts_deleted": [],
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of an empty machine."""
    path = tmp_path / "site" / "config.toml"
    path.parent.mkdir()
    path.write_text("", encoding="utf-8")
    path.write_text('[frame_extractor]\noutput_dir = "snapshots"\n[easyai]\ndata_dir = "data"\n')
    return path


def _archive(path: Path, manifest: dict[str, Any], *lines: Any, **pictures: str) -> Path:
    writer = Writer(path)
    packed = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    writer.add(ROWS, io.BytesIO(packed), len(packed))
    for key, role in pictures.items():
        writer.add(f"pictures/{key}", io.BytesIO(b"jpeg"), 4, role=role, modified_ns="1")
    writer.finish(_EMPTY | {"revision": migrate.newest()} | manifest)
    return path


def _restore(path: Path, config: Path) -> Any:
    reader = Reader(path, Progress())
    try:
        return restore(reader, SettingsSource(config).current())
    finally:
        reader.close()


def _nothing_was_made(config: Path) -> bool:
    return [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_a_backup_of_an_older_revision_is_migrated(tmp_path: Path, config: Path) -> None:
    old = tmp_path / "old.db"
    migrate.upgrade(f"sqlite:///{old}")
    migrate.downgrade(f"sqlite:///{old}", "0004")
    database = Database(f"sqlite:///{old}")
    with database.read() as conn:
        columns = list(conn.execute(text("SELECT * FROM installation")).keys())
        row = list(conn.execute(text("SELECT * FROM installation")).one())
    database.dispose()
    statistics = {"table": "statistics", "columns": ["bucket", "task_type", "found"]}
    lines = [{"table": "installation", "columns": columns}, row, statistics, [0, "人脸", 12]]
    rows = {"installation": 1, "statistics": 1}
    path = _archive(tmp_path / "a.tar", {"revision": "0004", "rows": rows}, *lines)

    restored = _restore(path, config)
    assert restored.rows.revision == migrate.newest()
    database = Database(f"sqlite:///{config.parent / 'data' / 'easyai.db'}")
    with database.read() as conn:
        assert conn.execute(text("SELECT found, discarded FROM statistics")).all() == [(12, 0)]
        assert list(conn.execute(text("SELECT * FROM installation")).one()) == row
    database.dispose()


def test_backup_of_a_later_version_is_refused_by_name(tmp_path: Path, config: Path) -> None:
    path = _archive(tmp_path / "a.tar", {"revision": "9999", "easyai": "7.0"})
    with pytest.raises(BackupError, match=r"revision 9999, made by easyai 7.0"):
        _restore(path, config)
    path = _archive(tmp_path / "b.tar", {"format": 2, "easyai": "8.0"})
    with pytest.raises(BackupError, match=r"later version of easyai \(8.0\)"):
        _restore(path, config)
    assert _nothing_was_made(config)


@pytest.mark.parametrize(
    "key", ["../out.jpg", "/tmp/easyai-out.jpg", "a/../../out.jpg", ".easyai-installation.json", ""]
)
def test_restore_refuses_picture_paths_outside_the_folder(
    tmp_path: Path, config: Path, key: str
) -> None:
    path = _archive(tmp_path / "a.tar", {}, **{key: "alert"})
    with pytest.raises(BackupError, match="is not put back"):
        _restore(path, config)
    assert not list(tmp_path.rglob("out.jpg"))
    assert not list(tmp_path.rglob("easyai.db"))


def test_restore_does_not_write_through_a_symbolic_link(tmp_path: Path, config: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (config.parent / "snapshots").mkdir()
    (config.parent / "snapshots" / "alerts").symlink_to(outside)
    path = _archive(tmp_path / "a.tar", {}, **{"alerts/t/c/1.jpg": "alert"})
    with pytest.raises(BackupError, match="symbolic link"):
        _restore(path, config)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_restore_refuses_members_that_are_no_plain_files(
    tmp_path: Path, config: Path, kind: bytes
) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("pictures/alerts")
        member.type, member.linkname = kind, "/etc"
        tar.addfile(member)
    with pytest.raises(BackupError, match="no plain file"):
        _restore(path, config)
    assert _nothing_was_made(config)


def test_restore_refuses_unknown_tables_and_columns(tmp_path: Path, config: Path) -> None:
    for number, header in enumerate(
        (
            {"table": "sqlite_master", "columns": ["name"]},
            {"table": "frames", "columns": ["id) VALUES (1); DROP TABLE frames; --"]},
        )
    ):
        path = _archive(tmp_path / f"{number}.tar", {}, header, ["x"])
        with pytest.raises(BackupError, match="which its revision has not"):
            _restore(path, config)
    assert not list(tmp_path.rglob("site/**/*easyai.db*"))


def test_restore_names_differing_folders(tmp_path: Path, config: Path) -> None:
    path = _archive(tmp_path / "a.tar", {"alert_base_path": "alarme/"})
    with pytest.raises(BackupError, match='"alerts/" here, "alarme/" in'):
        _restore(path, config)
    assert _nothing_was_made(config)
