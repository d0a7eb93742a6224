"""The clock goes on whatever happens to clocks, database, broker and settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from celery.schedules import crontab

from easyai.db import clock, leases
from easyai.db.migrate import upgrade
from easyai.db.session import Database
from easyai.settings.source import load
from easyai.tasks import beat as beat_module
from easyai.tasks.app import make_app
from easyai.tasks.beat import LeaderScheduler
from easyai.tasks.config import (
    PUBLISH_TASK,
    SCAN_TASK,
    SWEEP_TASK,
    TICK_EXPIRES_SEC,
    celery_settings,
)
from easyai.tasks.expiry import CLOCK_OFFSET_HEADER


class Clocks:
    """The monotonic and the wall clock of a beat, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = time.time()

    def monotonic(self) -> float:
        """Seconds since some start."""
        return self.now

    def time(self) -> float:
        """Seconds since 1970."""
        return self.wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.wall += seconds


class Beat:
    """A scheduler that records messages instead of sending them."""

    def __init__(self, config: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EASYAI_CONFIG", str(config))
        monkeypatch.setattr(beat_module, "time", clocks)
        monkeypatch.setattr(clock, "now", lambda conn: clocks.wall)
        self.clocks = clocks
        self.sent: list[str] = []
        self.options: list[Any] = []
        self.fails: Exception | None = None
        settings = celery_settings(load()) | {"broker_url": "memory://"}
        self.scheduler = LeaderScheduler(make_app(settings))
        monkeypatch.setattr(self.scheduler, "apply_async", self._note)

    def _note(self, entry: Any, **_: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.sent.append(entry.name)
        self.options.append(entry.options)

    def run(self, seconds: float) -> list[str]:
        """Tick for a while, sleeping as celery beat does; return the sent messages."""
        self.sent.clear()
        end = self.clocks.now + seconds
        while self.clocks.now < end:
            self.clocks.advance(self.scheduler.tick())
        return self.sent


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file with a scan every second and a database that is up to date."""
    path = tmp_path / "config.toml"
    _write(path, 1.0)
    upgrade(f"sqlite:///{tmp_path / 'data' / 'easyai.db'}")
    return path


@pytest.fixture
def make_beat(config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Beat]]:
    """Makes beats that share their clocks and their database."""
    clocks = Clocks()
    made: list[Beat] = []

    def make() -> Beat:
        made.append(Beat(config, clocks, monkeypatch))
        return made[-1]

    yield make
    for beat in made:
        beat.scheduler.close()


def test_scans_and_sweeps_come_at_their_intervals(make_beat: Callable[[], Beat]) -> None:
    sent = make_beat().run(60)
    assert sent.count(SCAN_TASK) == pytest.approx(60, abs=1)
    assert sent.count(SWEEP_TASK) == pytest.approx(12, abs=1)


@pytest.mark.parametrize("step_sec", [-86_400, -60, 60, 86_400 * 365])
def test_setting_the_wall_clock_neither_stops_nor_rushes_beat(
    make_beat: Callable[[], Beat], step_sec: float
) -> None:
    beat = make_beat()
    beat.run(5)
    beat.clocks.wall += step_sec
    assert beat.run(20).count(SCAN_TASK) == pytest.approx(20, abs=2)


def test_ticks_missed_while_the_machine_slept_are_not_made_up_for(
    make_beat: Callable[[], Beat],
) -> None:
    beat = make_beat()
    beat.run(5)
    beat.clocks.advance(3600)
    assert beat.run(10).count(SCAN_TASK) == pytest.approx(10, abs=1)


def test_only_the_first_of_two_beats_sends(make_beat: Callable[[], Beat]) -> None:
    first, second = make_beat(), make_beat()
    first.run(2)
    for _ in range(10):
        assert second.run(1) == []
        assert first.run(1) != []


def test_a_beat_that_dies_is_replaced_within_its_lease(make_beat: Callable[[], Beat]) -> None:
    first, second = make_beat(), make_beat()
    first.run(2)
    assert second.run(1) == []
    assert second.run(beat_module.LEASE_SEC + 2) != []


def test_a_changed_scan_interval_takes_effect_without_a_restart(
    make_beat: Callable[[], Beat], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = make_beat()
    monkeypatch.setattr("easyai.settings.source.SettingsSource.CHECK_EVERY_SEC", 0.0)
    beat.run(2)
    _write(config, 0.25)
    assert beat.run(10).count(SCAN_TASK) == pytest.approx(40, abs=3)


def test_alerts_are_published_at_their_interval_while_the_settings_name_a_bus(
    make_beat: Callable[[], Beat], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = make_beat()
    monkeypatch.setattr("easyai.settings.source.SettingsSource.CHECK_EVERY_SEC", 0.0)
    assert beat.run(20).count(PUBLISH_TASK) == 0
    _write(config, 1.0, 'mq_type = "redis"\nmq_address = "h:1"\nalert_batch_interval_sec = 0.5')
    assert beat.run(20).count(PUBLISH_TASK) == pytest.approx(40, abs=3)
    _write(config, 1.0)
    beat.run(2)
    assert beat.run(20).count(PUBLISH_TASK) == 0


def test_beat_goes_on_after_the_database_was_away_and_logs_it_once(
    make_beat: Callable[[], Beat], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beat = make_beat()
    beat.run(2)

    def away(*_: Any) -> bool:
        raise RuntimeError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(leases, "acquire", away)
        beat.run(30)
    assert len([line for line in caplog.messages if "no database" in line]) == 1
    assert beat.run(5).count(SCAN_TASK) >= 4


def test_beat_goes_on_after_the_broker_was_away_and_gives_up_the_lead_meanwhile(
    make_beat: Callable[[], Beat], caplog: pytest.LogCaptureFixture
) -> None:
    beat, other = make_beat(), make_beat()
    beat.fails = OSError("no broker")
    beat.run(30)
    assert len([line for line in caplog.messages if "no broker" in line]) == 1
    assert other.run(5).count(SCAN_TASK) >= 4
    beat.fails = None
    other.scheduler.close()
    assert beat.run(5).count(SCAN_TASK) >= 4


def test_normal_stop_returns_the_lease(make_beat: Callable[[], Beat], tmp_path: Path) -> None:
    beat = make_beat()
    beat.run(2)
    beat.scheduler.close()
    db = Database(f"sqlite:///{tmp_path / 'data' / 'easyai.db'}")
    with db.write() as conn:
        assert leases.acquire(conn, beat_module.LEASE, "another", 5.0, beat.clocks.wall)
    db.dispose()


def test_crontab_entries_of_an_operator_go_by_the_wall_clock(
    make_beat: Callable[[], Beat],
) -> None:
    beat = make_beat()
    beat.scheduler.add(
        name="report",
        task="report",
        schedule=crontab(nowfun=lambda: datetime.fromtimestamp(beat.clocks.wall).astimezone()),
    )
    assert beat.run(180).count("report") == pytest.approx(3, abs=1)


def _write(path: Path, scan_interval_sec: float, more: str = "") -> None:
    path.write_text(
        f"[ai_analysis]\nscan_interval_sec = {scan_interval_sec}\n{more}\n"
        f'[easyai]\ndata_dir = "{path.parent / "data"}"\n',
        encoding="utf-8",
    )


def test_ticks_carry_the_clock_offset_of_their_machine(
    make_beat: Callable[[], Beat], monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = make_beat()
    for offset_sec in (3600.0, -3600.0):
        monkeypatch.setattr(clock, "known_offset_sec", lambda engine, sec=offset_sec: sec)
        beat.options.clear()
        beat.run(2)
        assert beat.options
        for options in beat.options:
            assert options["headers"][CLOCK_OFFSET_HEADER] == offset_sec
            # RabbitMQ's time to live is counted from it, by this machine's clock alone.
            assert options["expires"] == TICK_EXPIRES_SEC
