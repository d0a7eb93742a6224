"""The sample settings file has every key with its default, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli
from click.testing import CliRunner
from pydantic import BaseModel

from easyai.cli.main import cli
from easyai.settings.schema import CameraTask, Settings, TaskTypeSettings
from easyai.settings.schema_table import is_table
from easyai.settings.source import load_with_unknown

FILE = Path(__file__).parents[2] / "examples" / "config.toml"
# These keys are unset by default: the sample shows a value.
WITHOUT_DEFAULT = {"max_concurrent": 8, "affinity": "none"}


def _uncommented() -> dict[str, Any]:
    text = FILE.read_text(encoding="utf-8")
    found: dict[str, Any] = tomli.loads(re.sub(r"^#(?=[a-z_]+ = |\[)", "", text, flags=re.M))
    return found


def _keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    inner: dict[str, Any] = {"types": TaskTypeSettings, "tasks": CameraTask}
    for name, field in model.model_fields.items():
        table: Any = field.annotation if is_table(field.annotation) else inner.get(name)
        if table is None:
            yield above + name
        else:
            yield from _keys(table, f"{above}{name}.")


def _named(table: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in table.items():
        if name == "types":
            (value,) = value.values()
        elif name == "tasks":
            (value,) = value
        if isinstance(value, dict):
            yield from _named(value, f"{above}{name}.")
        else:
            yield above + name


def test_sample_has_exactly_the_keys_of_the_settings() -> None:
    assert sorted(_named(_uncommented())) == sorted(_keys(Settings))


def test_each_key_is_shown_with_its_default() -> None:
    sample = _uncommented()
    (of_type,) = sample["ai_analysis"].pop("types").values()
    (camera,) = sample["frame_extractor"].pop("tasks")
    assert Settings.model_validate(sample) == Settings()
    shown = {name: of_type.pop(name) for name in WITHOUT_DEFAULT}
    assert shown == WITHOUT_DEFAULT
    assert TaskTypeSettings.model_validate(of_type) == TaskTypeSettings()
    assert CameraTask.model_validate(camera) == CameraTask()


def test_sample_without_changes_equals_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_CONFIG", "")
    settings, unknown = load_with_unknown(FILE)
    assert (settings.ai_analysis, unknown) == (Settings().ai_analysis, [])
    assert CliRunner().invoke(cli, ["config", "check", "--config", str(FILE)]).exit_code == 0
