"""A mistake in the file never loses the last good settings, which then stay in force."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from kombu.transport import TRANSPORT_ALIASES

from easyai.cli import up_command
from easyai.domain.reason import NO_REASON
from easyai.errors import SettingsError
from easyai.messages.catalogue import text
from easyai.settings.addresses import check_broker
from easyai.settings.last_good import COPY_NAME, COPY_VARIABLE, RENEWS_VARIABLE, keep, kept
from easyai.settings.partial import load_in_part
from easyai.settings.source import SettingsSource, load

GOOD = "[easyai]\nport = 1\n"
ADDRESSES = (
    'broker_url = "redis://:geheim@host:notaport/0"',
    'broker_url = "reddis://:geheim@host/0"',
    'broker_url = "redis://host/geheim"',
    'database_url = "postgres//easy:geheim@host/x"',
    'database_url = "mysql://easy:geheim@host/x"',
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def copy(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy that ``easyai up`` has made of the good file, and named to the child that renews."""
    copy = tmp_path / COPY_NAME
    keep(copy, path, GOOD)
    monkeypatch.setenv(COPY_VARIABLE, str(copy))
    monkeypatch.setenv(RENEWS_VARIABLE, "1")
    return copy


@pytest.mark.parametrize("emptied", ["", " \n\t\n"])
def test_emptied_file_replaces_no_good_copy(path: Path, copy: Path, emptied: str) -> None:
    assert not keep(copy, path, emptied)
    assert kept(copy, path) == GOOD


@pytest.mark.parametrize("emptied", ["", " \n\t\n"])
def test_a_process_that_starts_while_the_file_is_empty_takes_the_last_good_settings(
    path: Path, copy: Path, emptied: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(emptied)
    source = SettingsSource(path)
    assert source.current().easyai.port == 1
    assert "has been emptied" in text(source.fault)
    assert f"the last good settings are taken from {copy}" in caplog.text
    assert kept(copy, path) == GOOD


def test_a_report_on_a_file_that_was_emptied_takes_the_last_good_settings(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("")
    monkeypatch.setenv("EASYAI_DATA_DIR", str(copy.parent))
    settings, fault = load_in_part(path)
    assert settings.easyai.port == 1
    assert "has been emptied" in text(fault)


def test_empty_file_without_a_good_copy_means_the_defaults(path: Path) -> None:
    path.write_text("")
    source = SettingsSource(path)
    assert (source.current().easyai.port, source.fault) == (5066, NO_REASON)


def test_start_with_an_empty_file_uses_no_older_copy(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text("")
    monkeypatch.setenv("EASYAI_CONFIG", str(path))
    monkeypatch.delenv(COPY_VARIABLE)
    up_command._keep_settings(copy.parent)
    assert COPY_VARIABLE not in os.environ
    assert f"warning: {path} is empty: the defaults are in force, " in capsys.readouterr().err


@pytest.mark.parametrize("address", ADDRESSES)
def test_file_with_an_unusable_address_keeps_the_good_copy_in_force(
    path: Path, copy: Path, address: str
) -> None:
    path.write_text(f"[easyai]\n{address}\n")
    source = SettingsSource(path)
    assert source.current().easyai.port == 1
    assert text(source.fault).startswith(f"easyai.{address.partition(' ')[0]}: ")
    assert "geheim" not in text(source.fault)
    assert kept(copy, path) == GOOD


def test_report_takes_the_default_for_an_unusable_broker_and_names_the_fault(path: Path) -> None:
    path.write_text(f'[easyai]\n{ADDRESSES[0]}\nport = "x"\n')
    settings, fault = load_in_part(path)
    assert settings.easyai.broker_url == ""
    assert "easyai.broker_url: not a URL" in text(fault)
    assert "easyai.port: takes a whole number" in text(fault)


def test_every_broker_of_kombu_is_accepted_and_other_schemes_are_refused(
    subtests: pytest.Subtests,
) -> None:
    for name in sorted(TRANSPORT_ALIASES):
        with subtests.test(name=name):
            check_broker(f"{name}://user:password@host")
            with pytest.raises(SettingsError):
                check_broker(f"{name}x://user:password@host")


def test_the_draft_of_a_process_that_was_killed_is_replaced_and_nothing_else(
    path: Path, copy: Path
) -> None:
    left, other = copy.with_name("settings.good.draft"), copy.with_name("other.draft")
    left.write_text("half of a longer text")
    other.write_text("")
    keep(copy, path, GOOD)
    assert kept(copy, path) == GOOD
    assert copy.stat().st_mode & 0o777 == 0o600, "whatever mode the draft had"
    assert not left.exists()
    assert other.exists()


def test_failed_write_of_the_copy_keeps_the_old_copy_and_no_draft(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        keep(copy, path, "[easyai]\nport = 2\n")
    assert kept(copy, path) == GOOD
    assert not list(copy.parent.glob("*.draft"))


def test_damaged_copy_does_not_hide_a_named_database(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("not TOML [")
    keep(copy, path, "neither [")
    monkeypatch.setenv("EASYAI_DATA_DIR", str(copy.parent))
    settings, fault = load_in_part(path)
    assert settings.easyai.data_dir == copy.parent
    assert "config.toml: not valid TOML" in text(fault)


def test_a_good_file_renews_the_copy(path: Path, copy: Path) -> None:
    path.write_text("[easyai]\nport = 2\n")
    assert load(path).easyai.port == 2
    assert kept(copy, path) == "[easyai]\nport = 2\n"


@pytest.mark.parametrize(
    "address", [*ADDRESSES, "database_url = 7", 'port = "http"', "host = 7", "data_dir = []"]
)
def test_unusable_address_hidden_by_variables_replaces_no_good_copy(
    path: Path, copy: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("SUPERVISED", "1"),
        ("DATABASE_URL", "sqlite:////srv/ours.db"),
        ("BROKER_URL", ""),
        ("HOST", "127.0.0.1"),
        ("PORT", "5066"),
        ("DATA_DIR", str(copy.parent)),
    ):
        monkeypatch.setenv(f"EASYAI_{name}", value)
    path.write_text(f"[easyai]\n{address}\n")
    source = SettingsSource(path)
    assert "easyai." in text(source.fault)
    assert source.current().easyai.database_url == "sqlite:////srv/ours.db"
    assert kept(copy, path) == GOOD


def test_database_url_of_another_type_is_not_replaced_by_the_default(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_DATA_DIR", str(copy.parent))
    keep(copy, path, '[easyai]\ndatabase_url = "sqlite:////srv/ours.db"\n')
    path.write_text('[easyai]\ndatabase_url = ["sqlite:////srv/other.db"]\n')
    settings, fault = load_in_part(path)
    assert settings.easyai.database_url == "sqlite:////srv/ours.db"
    assert "easyai.database_url: takes a text" in text(fault)


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@127.0.0.1:99999/n", "sqlite://", "postgresql://u:s3@cret@h/n"]
)
def test_report_takes_the_last_good_database_for_an_unusable_database_url(
    path: Path, copy: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_DATA_DIR", str(copy.parent))
    path.write_text(f'[easyai]\ndatabase_url = "{url}"\n', encoding="utf-8")
    copy.unlink()
    with pytest.raises(SettingsError, match=r"easyai\.database_url"):
        load_in_part(path)
    keep(copy, path, '[easyai]\ndatabase_url = "sqlite:////srv/ours.db"\n')
    settings, fault = load_in_part(path)
    assert settings.easyai.database_url == "sqlite:////srv/ours.db"
    assert "easyai.database_url" in text(fault)
    assert "cret" not in text(fault)
