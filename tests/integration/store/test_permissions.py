"""A file that this user may not read is reported as unreadable, and not as missing."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from easyai.cli.main import cli
from easyai.cli.output import missing_database
from easyai.cli.rights import check_rights
from easyai.db.guard import WriteGuard
from easyai.db.session import Database
from easyai.domain.frame import KeyRules
from easyai.errors import DatabaseUnavailableError, SettingsError, StoreUnavailableError
from easyai.messages.catalogue import text
from easyai.settings.source import load
from easyai.store.local import LocalStore
from easyai.store.signing import LinkSigner
from easyai.supervisor.start_checks import claim_data_dir
from easyai.tasks.app import make_app
from tests.integration.store.as_nobody import NOBODY, as_nobody
from tests.support.needs import MissingError
from tests.support.ports import free_port
from tests.support.small_disk import remount, small_disk


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that nobody may enter, with a folder, a database and a settings file in it."""
    for name in ("EASYAI_CONFIG", "EASYAI_DATABASE_URL", "EASYAI_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    above = Path(tempfile.mkdtemp())  # pytest's own may be entered by its user only
    above.chmod(0o755)
    folder = above / "locked"
    (folder / "frames").mkdir(parents=True)
    (folder / "easyai.db").touch()
    (folder / "site.toml").write_text(f"[easyai]\ndata_dir = '{folder}'\n")
    folder.chmod(0)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(above)


def _store(folder: Path) -> LocalStore:
    return LocalStore(folder, KeyRules("", ()), LinkSigner(b"x" * 32, "http://h", lambda: 0.0))


def test_unreadable_settings_file_is_named(locked: Path) -> None:
    with pytest.raises(SettingsError, match=r"site\.toml: no permission to read it"):
        as_nobody(lambda: load(locked / "site.toml"))


def test_unreadable_database_is_named(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_DATA_DIR", str(locked))
    with pytest.raises(SettingsError, match=r"no permission to read and write .*easyai\.db"):
        as_nobody(lambda: missing_database(load()))
    database = Database(f"sqlite:///{locked}/easyai.db", must_exist=True)

    def read() -> None:
        with database.read():
            pass

    with pytest.raises(DatabaseUnavailableError, match=r"easyai\.db: Permission denied"):
        as_nobody(read)
    database.dispose()


def test_read_only_database_in_an_open_folder_is_named(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked.chmod(0o755)
    (locked / "easyai.db").chmod(0o400)
    monkeypatch.setenv("EASYAI_DATA_DIR", str(locked))
    with pytest.raises(SettingsError, match="no permission to read and write"):
        as_nobody(lambda: missing_database(load()))


def test_report_names_an_unreadable_database_and_no_settings_mistake(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked.chmod(0o755)
    monkeypatch.setenv("EASYAI_DATA_DIR", str(locked))
    monkeypatch.setenv("EASYAI_PORT", str(free_port()))
    # Not as nobody, who could not import the command.
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    found = CliRunner().invoke(cli, ["diagnose"])
    assert found.exit_code == 2
    assert "no permission to read and write" in found.output
    assert "these settings" not in found.output, "no mistake of theirs"


def test_unreadable_frame_folder_is_named_with_a_remedy(locked: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="frames: no permission to look at it") as found:
        as_nobody(lambda: _store(locked / "frames").check())
    assert "没有访问权限" in text(found.value.reason, "zh")
    locked.chmod(0o755)
    (locked / "frames").chmod(0o555)
    with pytest.raises(
        StoreUnavailableError,
        match=r"read and write it as user \d+; give it to this user by chown",
    ) as found:
        as_nobody(lambda: _store(locked / "frames").check())
    assert "没有读写权限；请用 chown 把它交给该用户" in text(found.value.reason, "zh")


def test_error_names_a_frame_folder_that_is_missing_or_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="frames: missing"):
        _store(tmp_path / "frames").check()
    (tmp_path / "frames").touch()
    with pytest.raises(StoreUnavailableError, match="frames: not a folder"):
        _store(tmp_path / "frames").check()


def test_unreadable_broker_folder_is_named_in_the_log(
    locked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app({"broker_transport_options": {"control_folder": str(locked / "control")}})
    assert as_nobody(lambda: app.control.broadcast("ping", reply=True)) == []
    assert f"no permission to look at the broker in {locked}" in caplog.text


LEFT = ("easyai.db", "easyai.db-wal", "easyai.db-guard", "logs/worker.log", "secret.key")


@pytest.fixture
def left_behind() -> Iterator[Path]:
    """A data folder with files of another user's run; every user may use the folder."""
    folder = Path(tempfile.mkdtemp())  # pytest's own may be entered by its user only
    (folder / "logs").mkdir()
    for name in LEFT:
        (folder / name).touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", [*LEFT, "logs"])
def test_files_of_another_user_are_named_with_their_owner_before_a_start(
    left_behind: Path, name: str
) -> None:
    def check() -> None:
        check_rights(left_behind, f"sqlite:///{left_behind}/easyai.db")

    as_nobody(check)
    path = left_behind / name
    path.chmod(0)
    owner = pwd.getpwuid(path.stat().st_uid).pw_name
    with pytest.raises(SettingsError, match=f"use {path}, which belongs to {owner}; .*chown -R"):
        as_nobody(check)


def test_backup_of_another_user_beside_the_database_prevents_no_start(
    left_behind: Path,
) -> None:
    (left_behind / "easyai.db.bak").touch(mode=0)
    as_nobody(lambda: check_rights(left_behind, "postgresql://db/easyai"))


def test_read_only_disk_is_not_reported_as_missing_rights(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small_disk(folder, 1):
        (folder / "secret.key").touch()
        remount(folder, "ro")
        check_rights(folder, f"sqlite:///{folder}/easyai.db")
        with pytest.raises(SettingsError, match="Read-only file system"):
            claim_data_dir(folder)


def test_database_guard_of_another_user_is_named(left_behind: Path) -> None:
    (left_behind / "easyai.db-guard").chmod(0)
    guard = WriteGuard(f"{left_behind}/easyai.db", 1.0)

    def write() -> None:
        with guard.held():
            pass

    with pytest.raises(DatabaseUnavailableError, match=r"no permission to open .*db-guard; run"):
        as_nobody(write)
    guard.close()


def test_database_guard_made_by_root_belongs_to_the_owner_of_the_database(
    left_behind: Path,
) -> None:
    if os.geteuid() != 0:
        raise MissingError("root's rights, to be another user than the owner", "run as root")
    os.chown(left_behind / "easyai.db", NOBODY, NOBODY)
    (left_behind / "easyai.db-guard").unlink()
    guard = WriteGuard(f"{left_behind}/easyai.db", 1.0)
    with guard.held():
        pass
    guard.close()
    for name in ("easyai.db-guard", "easyai.db-queue"):
        made = (left_behind / name).stat()
        assert (made.st_uid, made.st_gid) == (NOBODY, NOBODY), name
