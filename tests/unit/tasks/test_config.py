"""Celery's settings follow those of easyai."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import easyai
from easyai.settings.schema import Settings
from easyai.tasks.config import celery_settings


def test_the_schedule_follows_the_settings_and_every_tick_expires() -> None:
    settings = Settings.model_validate({"ai_analysis": {"scan_interval_sec": 0.5}})
    schedule = celery_settings(settings)["beat_schedule"]
    assert {name: entry["schedule"] for name, entry in schedule.items()} == {
        "easyai.scan": 0.5,
        "easyai.sweep": 5.0,
        "easyai.upkeep": 60.0,
        "easyai.publish": 2.0,
    }
    assert all(entry["options"]["expires"] > 0 for entry in schedule.values())


def test_celeryconfig_imports_the_names_that_copies_of_operators_import() -> None:
    """A renamed module would end every worker that starts where an older copy of the file lies."""
    text = (Path(easyai.__file__).parents[1] / "celeryconfig.py").read_text(encoding="utf-8")
    assert "from easyai.settings.source import load as _load\n" in text
    assert "from easyai.tasks.config import celery_settings as _celery_settings\n" in text


def test_an_older_celeryconfig_still_configures_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators keep their copies of the file over upgrades."""
    monkeypatch.delenv("EASYAI_CONFIG", raising=False)
    values: dict[str, Any] = {}
    exec(
        "from easyai.settings import load as _load\n"
        "from easyai.tasks.config import celery_settings as _celery_settings\n"
        "globals().update(_celery_settings(_load()))\n",
        values,
    )
    assert values["beat_schedule"]
