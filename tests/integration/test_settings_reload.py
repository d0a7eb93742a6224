"""A change of the settings file while processes run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.domain.reason import NO_REASON
from easyai.messages.catalogue import text
from easyai.runtime import Runtime, open_runtime
from easyai.settings.last_good import COPY_NAME, COPY_VARIABLE
from easyai.settings.source import SettingsSource, keep_copy
from tests.support.waiting import wait_until


class _Watchful(SettingsSource):
    CHECK_EVERY_SEC = 0.0


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of an installation of its own."""
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.toml"
    path.write_text("[ai_analysis]\nalert_base_path = 'alarms'\nbatch_size = 7\n")
    return path


@pytest.fixture
def runtime(path: Path) -> Iterator[Runtime]:
    """A process that looks at the file on every use."""
    runtime = open_runtime(_Watchful(path))
    yield runtime
    runtime.close()


def test_settings_file_empty_for_a_moment_changes_nothing(path: Path) -> None:
    source = _Watchful(path)
    path.write_text("")
    assert source.current().ai_analysis.batch_size == 7
    path.write_text("[ai_analysis]\nbatch_size = 8\n")
    assert source.current().ai_analysis.batch_size == 8


def test_settings_file_that_stays_empty_keeps_the_last_good_values(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / COPY_NAME
    keep_copy(copy, path)
    monkeypatch.setenv(COPY_VARIABLE, str(copy))
    source = _Watchful(path)
    path.write_text("")
    for _ in range(3):
        assert source.current().ai_analysis.batch_size == 7
    assert "has been emptied" in text(source.fault)
    path.write_text("[ai_analysis]\nbatch_size = 8\n")
    assert source.current().ai_analysis.batch_size == 8
    assert not source.fault


def test_lasting_settings_mistake_is_logged_at_the_alarm_repeat_interval(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("[ai_analysis]\nalarm_repeat_sec = 2\n")
    source = _Watchful(path)
    path.write_text("[ai_analysis")

    def reminders() -> int:
        source.current()
        return caplog.text.count("still not in force: ")

    assert reminders() == 0
    wait_until(reminders, 10, "it is told again")
    assert [reminders() for _ in range(20)] == [1] * 20
    path.write_text("[ai_analysis]\nbatch_size = 8\n")
    assert (source.current().ai_analysis.batch_size, source.fault) == (8, NO_REASON)


def test_folders_of_alerts_and_failed_frames_stay_until_the_restart(
    path: Path, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(
        "[ai_analysis]\nalert_base_path = 'other'\nfailed_base_path = 'x'\nbatch_size = 9\n"
    )
    for _ in range(3):
        analysis = runtime.settings.ai_analysis
        assert (analysis.alert_base_path, analysis.failed_base_path) == ("alarms/", "failed/")
        assert analysis.batch_size == 9
    assert runtime.store.rules.excluded == ("alarms/", "failed/")
    assert caplog.text.count("change with the next restart only") == 1


def test_changed_address_or_path_is_logged_as_needing_a_restart(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = _Watchful(path)
    path.write_text("[easyai]\nport = 5067\n[ai_analysis]\nbatch_size = 8\n")
    assert source.current().ai_analysis.batch_size == 8
    assert "easyai.port changed: this takes effect once all of easyai is restarted" in caplog.text
    caplog.clear()
    path.write_text("[ai_analysis]\nbatch_size = 9\n")
    assert source.current().ai_analysis.batch_size == 9
    assert "restarted" not in caplog.text
