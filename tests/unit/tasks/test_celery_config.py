"""Celery's settings follow those of easyai."""

from __future__ import annotations

from easyai.settings.schema import Settings
from easyai.tasks.celery_config import celery_settings


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
