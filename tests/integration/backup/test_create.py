"""Backup and restore: everything is restored once, and foreign files are not touched."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from easyai.backup import create as backup_module
from easyai.backup import restore as restore_module
from easyai.backup.archive import Reader
from easyai.backup.create import Report, back_up
from easyai.backup.progress_lines import Progress
from easyai.backup.restore import Restored, restore
from easyai.db import migrate
from easyai.db.models import Base
from easyai.db.session import Database
from easyai.errors import BackupError
from easyai.pipeline import ownership
from easyai.pipeline.alert_removal import delete_alerts
from easyai.settings.source import SettingsSource
from easyai.store.local_folder import Folder
from tests.integration.backup.conftest import jpeg
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import JPEG, TYPE, Installation
from tests.support.small_disk import small_disk

_GIVE_BACK = "UPDATE frames SET state = 'pending', lease_token = NULL WHERE state = 'leased'"
_OF_PROCESSES = {"processes", "process_leases"}


def _read(path: str | Path) -> Reader:
    return Reader(Path(path), Progress())


def _restore(path: str | Path, site: Installation, **options: Any) -> Restored:
    reader = _read(path)
    try:
        return restore(reader, SettingsSource(site.config).current(), **options)
    finally:
        reader.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere_on_each(request: pytest.FixtureRequest, tmp_path: Path, living_links: str) -> Any:
    """Another machine: empty folders, a database without tables."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    yield from _elsewhere(tmp_path / "elsewhere", url, living_links)


@pytest.fixture
def elsewhere(tmp_path: Path, living_links: str) -> Any:
    """As `elsewhere_on_each`, on SQLite."""
    yield from _elsewhere(tmp_path / "elsewhere", "", living_links)


def _elsewhere(folder: Path, url: str, living_links: str) -> Iterator[Installation]:
    folder.mkdir()
    url = url or f"sqlite:///{folder / 'data' / 'easyai.db'}"
    site = Installation.__new__(Installation)
    site.folder, site.database_url, site.public_url = folder, url, living_links
    site._opened, site._loops = [], []
    site.configure(frame_stable_sec=0.2)
    yield site
    site.close()


def _tables(site: Installation) -> dict[str, list[Any]]:
    names = [table.name for table in Base.metadata.sorted_tables if table.name not in _OF_PROCESSES]
    return {name: sorted(map(str, site.rows(f"SELECT * FROM {name}"))) for name in names}


def test_backup_restores_everything_elsewhere_and_inference_continues(
    filled: Installation, elsewhere_on_each: Installation, algorithm: AlgorithmStub
) -> None:
    elsewhere = elsewhere_on_each
    last = filled.rows("SELECT max(id) AS id FROM alerts")[0]["id"]
    before = _tables(filled)
    report = back_up(filled.runtime, filled.folder)
    assert report.pictures == {"waiting": 3, "failed": 1, "alert": 2, "config": 1}
    assert stat.S_IMODE(Path(report.path).stat().st_mode) == 0o600

    restored = _restore(report.path, elsewhere)
    elsewhere.runtime = elsewhere.open()
    after = _tables(elsewhere)
    # The counts of alerts are kept anew, in other parts (test_alert_counts.py).
    for name in before.keys() - {"frames", "generations", "events", "alert_counts"}:
        assert after[name] == before[name], name
    leased = [row for row in before["frames"] if "'leased'" in row]
    assert len(leased) == 1
    assert set(before["frames"]) - set(after["frames"]) == set(leased)
    assert (restored.rows.waiting, restored.rows.gone) == (3, 0)
    assert elsewhere.pictures("") == filled.pictures("")
    for key in [f"{TYPE}/门口1/5.jpg", f"alerts/{TYPE}/门口1/0.jpg", f"failed/{TYPE}/门口1/2.jpg"]:
        mine, theirs = elsewhere.snapshots / key, filled.snapshots / key
        assert mine.read_bytes() == theirs.read_bytes()
        assert mine.stat().st_mtime_ns == theirs.stat().st_mtime_ns

    algorithm.received.clear()
    elsewhere.work(elsewhere.loop())
    assert len(algorithm.received) == 3
    new = [alert["id"] for alert in elsewhere.alerts() if alert["id"] > last]
    assert len(new) == 3
    assert min(new) == restored.rows.next_alert_id >= last + 100_000
    delete_alerts(elsewhere.runtime, [alert["id"] for alert in elsewhere.alerts()])
    assert elsewhere.pictures("alerts") == [], "it knows the restored pictures for its own"


@pytest.mark.sqlite_only
def test_waiting_frames_are_restored_after_a_first_start_of_easyai(
    filled: Installation, elsewhere: Installation, algorithm: AlgorithmStub
) -> None:
    """A first start on a new machine makes an empty database and claims the frame folder."""
    report = back_up(filled.runtime, filled.folder)
    migrate.upgrade(elsewhere.database_url)
    elsewhere.snapshots.mkdir()
    ownership.require_store(elsewhere.open())
    elsewhere.close()

    restored = _restore(report.path, elsewhere)
    assert restored.pictures is not None
    assert restored.pictures.left_out == 0
    assert (restored.rows.waiting, restored.rows.gone) == (3, 0)
    elsewhere.runtime = elsewhere.open()
    ownership.require_store(elsewhere.runtime)
    algorithm.received.clear()
    elsewhere.work(elsewhere.loop())
    names = [call.frame["image_path"].rpartition("/")[2] for call in algorithm.received]
    assert sorted(names) == ["4.jpg", "5.jpg", "6.jpg"]


@pytest.mark.sqlite_only
def test_later_restore_of_the_same_backup_reuses_no_alert_id(
    filled: Installation, elsewhere: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = back_up(filled.runtime, filled.folder)
    first = _restore(report.path, elsewhere).rows.next_alert_id
    reader = _read(report.path)
    reader.manifest["created_at"] -= 86_400  # as if restored a day later
    again = restore(reader, SettingsSource(elsewhere.config).current(), replace=True)
    assert again.rows.next_alert_id - first >= 86_400 * 100 - 100_000
    reader.close()
    with pytest.raises(BackupError, match="next-alert-id"):
        _restore(report.path, elsewhere, replace=True, next_alert_id=2)


def test_backup_contains_pictures_that_move_while_it_runs(
    filled: Installation,
    elsewhere: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the rows, before the pictures, an alert is deleted and every waiting frame inferred."""
    (gone, kept) = filled.alerts()
    write_settings = backup_module._write_settings

    def meanwhile(*arguments: Any) -> bool:
        filled.execute(_GIVE_BACK)
        delete_alerts(filled.runtime, [gone["id"]])
        filled.work(filled.loop())
        return write_settings(*arguments)

    monkeypatch.setattr(backup_module, "_write_settings", meanwhile)
    report = back_up(filled.runtime, filled.folder)
    assert filled.pictures(f"{TYPE}") == [], "all pictures were moved"
    assert report.lost == 0
    restored = _restore(report.path, elsewhere)
    assert restored.rows.waiting == 3
    elsewhere.runtime = elsewhere.open()
    assert [alert["id"] for alert in elsewhere.alerts()] == [kept["id"]]
    assert (elsewhere.snapshots / kept["image_path"]).exists()
    for number in (4, 5, 6):
        path = elsewhere.snapshots / f"{TYPE}/门口1/{number}.jpg"
        assert path.read_bytes() == jpeg(f"picture {number}")


def test_restore_into_a_newer_folder_infers_no_frame_twice(
    filled: Installation, algorithm: AlgorithmStub
) -> None:
    ownership.require_store(filled.runtime)
    report = back_up(filled.runtime, filled.folder)
    filled.execute(_GIVE_BACK)
    filled.put(f"{TYPE}/门口1/7.jpg", jpeg("after the backup"))
    filled.work(filled.loop())
    filled.put(f"{TYPE}/门口1/8.jpg", jpeg("waits"))
    pictures = filled.pictures("")
    with pytest.raises(BackupError, match="add --replace"):
        _restore(report.path, filled)
    filled.close()
    restored = _restore(report.path, filled, replace=True)
    assert restored.pictures is not None
    assert (restored.rows.waiting, restored.rows.gone) == (0, 3)
    assert restored.pictures.left_out == 3
    assert restored.pictures.unknown == 4, "the alerts of 4.jpg to 7.jpg"
    assert filled.pictures("") == pictures, "nothing was deleted, nothing put back"

    filled.runtime = filled.open()
    algorithm.received.clear()
    filled.work(filled.loop())
    names = [call.frame["image_path"].rpartition("/")[2] for call in algorithm.received]
    assert names == ["8.jpg"]
    assert filled.rows("SELECT count(*) AS n FROM frames WHERE outcome = 'missing'")[0]["n"] == 3
    if filled.runtime.db.is_sqlite:
        kept = Path(restored.kept_database)
        assert kept.exists()
        assert kept.name.startswith("easyai.db.before-restore-")


class _ImpatientDatabase(Database):
    """The server ends transactions after 0.8 s without a statement, not after 10 s."""

    @contextmanager
    def write(self, *, lasting: bool = True, first: bool = False) -> Iterator[Connection]:
        with super().write(lasting=lasting, first=first) as conn:
            conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = '800ms'"))
            yield conn


@pytest.mark.sqlite_only
def test_slow_store_does_not_time_out_the_restore_transaction(
    filled: Installation,
    postgres_url: str,
    tmp_path: Path,
    living_links: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From SQLite into PostgreSQL, which ends idle transactions."""
    report = back_up(filled.runtime, filled.folder)
    exists = Folder.exists

    def slow(folder: Folder, key: str) -> bool:
        time.sleep(0.3)  # for each of three frames
        return exists(folder, key)

    monkeypatch.setattr(Folder, "exists", slow)
    monkeypatch.setattr(restore_module, "Database", _ImpatientDatabase)
    for elsewhere in _elsewhere(tmp_path / "elsewhere", postgres_url, living_links):
        assert _restore(report.path, elsewhere).rows.waiting == 3


@pytest.mark.sqlite_only
def test_damaged_or_truncated_backup_changes_nothing(
    filled: Installation, elsewhere: Installation
) -> None:
    whole = Path(back_up(filled.runtime, filled.folder).path).read_bytes()
    broken = filled.folder / "broken.tar"
    end = whole.rindex(b"manifest.json")
    cuts = [whole[:size] for size in (0, 100, 512, 5000, end, end + 600)]
    flips = [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for place in (10, 1600, 5000, whole.index(b"picture 5"), end - 2000)
    ]
    for content in cuts + flips:
        broken.write_bytes(content)
        with pytest.raises(BackupError, match="Nothing was changed"):
            _restore(broken, elsewhere)
    assert [path.name for path in elsewhere.folder.iterdir()] == ["config.toml"]


@pytest.mark.sqlite_only
def test_backup_on_a_full_disk_leaves_no_file(filled: Installation, tmp_path: Path) -> None:
    filled.put(f"{TYPE}/门口1/9.jpg", JPEG + os.urandom(3_000_000) + b"\xff\xd9")
    filled.scan()
    disk = tmp_path / "disk"
    with small_disk(disk, 2):
        with pytest.raises(BackupError, match="No space left"):
            back_up(filled.runtime, disk)
        assert list(disk.iterdir()) == []


@pytest.mark.sqlite_only
def test_backup_does_not_overwrite_an_existing_file(filled: Installation) -> None:
    target = filled.folder / "site.tar"
    target.write_text("the operator's")
    with pytest.raises(BackupError, match="is there already"):
        back_up(filled.runtime, target)
    assert target.read_text() == "the operator's"


@pytest.mark.sqlite_only
def test_restore_leaves_a_folder_of_another_installation_alone(
    filled: Installation, elsewhere: Installation, algorithm: AlgorithmStub
) -> None:
    report: Report = back_up(filled.runtime, filled.folder)
    elsewhere.snapshots.mkdir()
    claim = elsewhere.snapshots / ".easyai-installation.json"
    claim.write_text('{"installation": "other", "host": "h", "data_dir": "/d", "since": "s"}')
    with pytest.raises(BackupError, match="another installation"):
        _restore(report.path, elsewhere)
    assert list(elsewhere.snapshots.iterdir()) == [claim]


@pytest.mark.sqlite_only
def test_restore_keeps_an_existing_picture_of_the_same_name(
    filled: Installation, elsewhere: Installation
) -> None:
    report = back_up(filled.runtime, filled.folder)
    own = elsewhere.put(f"alerts/{TYPE}/门口1/0.jpg", b"theirs")
    restored = _restore(report.path, elsewhere)
    assert own.read_bytes() == b"theirs"
    assert restored.pictures is not None
    assert restored.pictures.taken == 1


@pytest.mark.sqlite_only
def test_backup_without_pictures_restores_the_rows_alone(
    filled: Installation, elsewhere: Installation, algorithm: AlgorithmStub
) -> None:
    """The pictures arrive later by another way; pictures of waiting frames are new frames then."""
    report = back_up(filled.runtime, filled.folder, pictures=False)
    assert report.pictures is None
    assert _restore(report.path, elsewhere).rows.gone == 3
    elsewhere.runtime = elsewhere.open()
    for number in (4, 5, 6):
        elsewhere.put(f"{TYPE}/门口1/{number}.jpg", jpeg(f"picture {number}"))
    algorithm.answer = lambda _: detections(1)
    algorithm.received.clear()
    elsewhere.work(elsewhere.loop())
    assert len(algorithm.received) == 3


@pytest.mark.sqlite_only
def test_backup_reads_rows_without_waiting_for_writers(filled: Installation) -> None:
    began = time.monotonic()
    with filled.open().db.write() as conn:
        conn.exec_driver_sql("UPDATE frames SET attempts = attempts + 1")
        report = back_up(filled.runtime, filled.folder, pictures=False)
    assert time.monotonic() - began < 5.0, "no wait for the writer"
    assert report.rows["frames"] == 7
