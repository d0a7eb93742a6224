"""Variables that name a file with the value, as containers get their secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from easyai.errors import SettingsError
from easyai.settings.find_installation import find_installation
from easyai.settings.partial import of_variables
from easyai.settings.schema import Settings
from easyai.settings.source import load
from easyai.settings.values_in_force import effective_values, unknown_variables


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secret"
    monkeypatch.setenv("EASYAI_CONFIG", "")
    monkeypatch.setenv("EASYAI_DATABASE_URL_FILE", str(path))
    return path


def test_variable_file_holds_the_value(secret: Path) -> None:
    secret.write_text("postgresql://easyai:geheim@db/easyai\n")
    assert load().easyai.effective_database_url == "postgresql://easyai:geheim@db/easyai"


def test_file_variable_reaches_a_nested_table(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.write_text("k")
    monkeypatch.delenv("EASYAI_DATABASE_URL_FILE")
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__MINIO__ACCESS_KEY_FILE", str(secret))
    assert load().frame_extractor.minio.access_key == "k"


def test_config_check_names_the_variable_file_as_the_source(secret: Path) -> None:
    secret.write_text("sqlite:///a.db")
    values = effective_values(load(), os.environ)
    (source,) = [value.source for value in values if value.key == "easyai.database_url"]
    assert source == "EASYAI_DATABASE_URL_FILE"
    assert "EASYAI_DATABASE_URL_FILE" not in unknown_variables(values, os.environ)


def test_an_empty_variable_sets_nothing(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = load_without(monkeypatch)
    monkeypatch.setenv("EASYAI_DATABASE_URL_FILE", "")
    assert load().easyai.effective_database_url == default


def load_without(monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as without:
        without.delenv("EASYAI_DATABASE_URL_FILE")
        return load().easyai.effective_database_url


def test_a_file_that_is_not_there_or_empty_is_named(secret: Path) -> None:
    with pytest.raises(SettingsError, match=f"EASYAI_DATABASE_URL_FILE: {secret} cannot be read"):
        load()
    secret.write_text("\n")
    with pytest.raises(SettingsError, match=f"EASYAI_DATABASE_URL_FILE: {secret} is empty"):
        load()


def test_variable_wins_over_its_variable_file(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.write_text("sqlite:///a.db")
    monkeypatch.setenv("EASYAI_DATABASE_URL", "sqlite:///b.db")
    assert load().easyai.database_url == "sqlite:///b.db"
    monkeypatch.setenv("EASYAI_DATABASE_URL", "")
    assert load().easyai.database_url == "sqlite:///a.db"


def test_command_uses_the_database_of_the_file(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.write_text("sqlite:///a.db")
    assert find_installation()


def test_variable_that_cannot_be_read_leaves_the_defaults_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report of an installation whose variables have a mistake asks the API at the defaults."""
    monkeypatch.setenv("EASYAI_SECRET_KEY_FILE", str(tmp_path / "missing"))
    assert of_variables().easyai.port == Settings().easyai.port
