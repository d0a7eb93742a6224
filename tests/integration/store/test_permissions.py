"""What this user may not read is told as that, and not as missing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.celery import make_app
from easyai.cli.output import missing_database
from easyai.db.session import Database
from easyai.domain.frame import KeyRules
from easyai.errors import DatabaseUnavailableError, SettingsError, StoreUnavailableError
from easyai.health.reasons import reason
from easyai.settings import load
from easyai.store.local import LocalStore
from easyai.store.signing import LinkSigner
from tests.integration.store.as_nobody import as_nobody


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


def test_a_settings_file(locked: Path) -> None:
    with pytest.raises(SettingsError, match=r"site\.toml: no permission to read it"):
        as_nobody(lambda: load(locked / "site.toml"))


def test_a_database(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_database_in_an_open_folder(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked.chmod(0o755)
    (locked / "easyai.db").chmod(0o400)
    monkeypatch.setenv("EASYAI_DATA_DIR", str(locked))
    with pytest.raises(SettingsError, match="no permission to read and write"):
        as_nobody(lambda: missing_database(load()))


def test_a_frame_folder(locked: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="frames: no permission to look at it") as found:
        as_nobody(lambda: _store(locked / "frames").check())
    assert "没有访问权限" in reason(str(found.value)).zh
    locked.chmod(0o755)
    (locked / "frames").chmod(0o555)
    with pytest.raises(StoreUnavailableError, match="no permission to read and write it"):
        as_nobody(lambda: _store(locked / "frames").check())


def test_a_frame_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="frames: missing"):
        _store(tmp_path / "frames").check()
    (tmp_path / "frames").touch()
    with pytest.raises(StoreUnavailableError, match="frames: not a folder"):
        _store(tmp_path / "frames").check()


def test_the_embedded_broker(locked: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app({"broker_transport_options": {"control_folder": str(locked / "control")}})
    assert as_nobody(lambda: app.control.broadcast("ping", reply=True)) == []
    assert f"no permission to look at the broker in {locked}" in caplog.text
