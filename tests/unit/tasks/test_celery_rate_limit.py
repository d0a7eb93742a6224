"""``celery control rate_limit`` of our tasks changes nothing and names the setting."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from celery.worker.control import Panel

from easyai.settings.schema import Settings
from easyai.tasks import celery_rate_limit as module
from easyai.tasks.config import SCAN_TASK, celery_settings
from easyai.tasks.wake_publisher import INFER_TASK


def _ask(task_name: str) -> Any:
    state = SimpleNamespace(app=None, consumer=None)  # whatever it touched would fail
    return Panel.data["rate_limit"](state, task_name=task_name, rate_limit="6/m")


def test_rate_limit_command_is_that_of_easyai() -> None:
    assert Panel.data["rate_limit"] is module.rate_limit


def test_rate_limit_of_inference_names_the_setting() -> None:
    answer = _ask(INFER_TASK)["error"]
    assert '[ai_analysis.types."<task_type>"] rate_limit = "6/m"' in answer
    assert "nothing was changed" in answer


def test_rate_limit_of_a_periodic_task_names_the_intervals() -> None:
    assert "scan_interval_sec" in _ask(SCAN_TASK)["error"]


def test_workers_delay_no_message_for_a_rate_limit() -> None:
    assert celery_settings(Settings())["worker_disable_rate_limits"] is True
