"""Celery's settings follow those of easyai, and `import easyai` stays free of Celery."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from easyai.errors import SettingsError
from easyai.settings.schema import Settings
from easyai.tasks.app import config_module
from easyai.tasks.config import celery_settings

ROOT = Path(__file__).parents[3]


def _settings(**own: object) -> Settings:
    return Settings.model_validate({"easyai": own, "ai_analysis": {"scan_interval_sec": 0.5}})


def test_without_a_broker_url_messages_are_files_below_the_data_folder(tmp_path: Path) -> None:
    config = celery_settings(_settings(data_dir=tmp_path))
    options = config["broker_transport_options"]
    assert config["broker_url"].startswith("filesystem://")
    assert options["data_folder_in"] == options["data_folder_out"]
    assert {Path(folder).parent for folder in options.values()} == {tmp_path / "broker"}


@pytest.mark.parametrize("scheme", ["redis", "rediss", "sentinel"])
def test_a_silent_redis_is_noticed(scheme: str) -> None:
    config = celery_settings(_settings(broker_url=f"{scheme}://127.0.0.1:6379/0"))
    options = config["broker_transport_options"]
    assert options["socket_timeout"] == options["health_check_interval"] == 10
    assert options["socket_keepalive"] is True
    # The shortest one of all applications on a Redis wins.
    assert "visibility_timeout" not in options


def test_a_rabbitmq_gets_no_options_of_other_brokers() -> None:
    config = celery_settings(_settings(broker_url="amqp://guest@127.0.0.1//"))
    assert config["broker_transport_options"] == {"confirm_publish": True}
    assert config["broker_heartbeat"] == 10


def test_the_schedule_follows_the_settings_and_every_tick_expires() -> None:
    schedule = celery_settings(_settings())["beat_schedule"]
    assert {name: entry["schedule"] for name, entry in schedule.items()} == {
        "easyai.scan": 0.5,
        "easyai.sweep": 5.0,
        "easyai.upkeep": 60.0,
        "easyai.publish": 2.0,
    }
    assert all(entry["options"]["expires"] > 0 for entry in schedule.values())


def test_the_file_of_the_folder_celery_is_started_in_wins(tmp_path: Path) -> None:
    (tmp_path / "celeryconfig.py").write_text("worker_concurrency = 7\n", encoding="utf-8")
    assert (
        _python(tmp_path, "from easyai.celery import app; print(app.conf.worker_concurrency)")
        == "7"
    )


def test_without_that_file_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert config_module() == "easyai.tasks.defaults"
    assert (
        importlib.import_module("easyai.tasks.defaults").worker_pool == "easyai.tasks.pool:TaskPool"
    )


@pytest.mark.parametrize("module", ["easyai", "easyai.sdk"])
def test_importing_the_package_or_its_sdk_does_not_import_celery(
    tmp_path: Path, module: str
) -> None:
    program = f"import sys, {module}; print([m for m in ('celery', 'kombu') if m in sys.modules])"
    assert _python(tmp_path, program) == "[]"


def _python(folder: Path, program: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
    # Appended: the folder comes first, as for `celery`; the checkout has a celeryconfig.py as well.
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r}); {program}"],
        cwd=folder,
        env=clean | {"EASYAI_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("url", ["rediss//:geheim@127.0.0.1", "redis://:geheim"])
def test_a_broker_url_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"easyai\.broker_url: not a URL; use redis://"
    ) as caught:
        celery_settings(_settings(broker_url=url))
    assert "geheim" not in str(caught.value)
