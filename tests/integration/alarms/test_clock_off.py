"""An alarm names the machine with a wrong clock and the remedy, and ends when it is right."""

from __future__ import annotations

import time

import pytest

from easyai.db import processes
from easyai.messages.catalogue import text
from easyai.system.identity import home
from tests.support.lively import codes, look, processes_work
from tests.support.site import Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

HOUR = 3600.0


def _shows(site: Installation, host: str, ahead_sec: float, kind: str = "worker") -> None:
    with site.runtime.db.write() as conn:
        now = time.time()
        processes.beat(conn, kind, host, 7, now, now - 600, clock_offset_sec=ahead_sec)


@pytest.mark.parametrize(
    ("ahead_sec", "en", "zh"), [(HOUR, "60 min ahead", "快"), (-5.0, "5 s behind", "慢")]
)
def test_diagnosis_names_the_machine_with_a_wrong_clock_and_the_remedy(
    site: Installation, ahead_sec: float, en: str, zh: str
) -> None:
    processes_work(site)
    _shows(site, "camera-hall", ahead_sec)
    _shows(site, "camera-hall", ahead_sec / 2, "api")
    found = look(site)
    assert codes(found) == ["clock_off"]
    (cause,) = found.causes
    assert [f"camera-hall is {en}" in text(line) for line in cause.evidence] == [True]
    assert zh in text(cause.evidence[0], "zh")
    assert "set-ntp" in cause.remedies[0].command
    assert not found.facts.checks["clock"].ok
    assert "camera-hall" in text(found.facts.checks["clock"].reason)


def test_clock_offset_below_two_seconds_is_no_fault(site: Installation) -> None:
    processes_work(site)
    _shows(site, "camera-hall", 1.9)
    assert look(site).well


def test_clock_of_a_silent_machine_is_not_reported(site: Installation) -> None:
    processes_work(site)
    _shows(site, "camera-hall", HOUR)
    site.execute("UPDATE processes SET beat_at = beat_at - 60 WHERE host = 'camera-hall'")
    assert "clock_off" not in codes(look(site))


def test_clock_offset_of_an_ended_process_is_not_reported(site: Installation) -> None:
    processes_work(site)
    with site.runtime.db.write() as conn:
        now = time.time()
        processes.beat(
            conn, "worker", "here", 2**22 + 1, now, now, home(), start_ticks=1, clock_offset_sec=9.0
        )
    assert "clock_off" not in codes(look(site))


def test_clock_off_alarm_is_over_when_the_clock_is_right(
    site: Installation, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    _shows(site, "camera-hall", 1.5)
    watchdogs.start()
    watchdogs.rounds(10)
    assert watchdogs.kinds() == [], "more than two seconds are a fault"
    _shows(site, "camera-hall", HOUR)
    ((_, message),) = watchdogs.wait_for("clock_off")
    assert "the clock of camera-hall is 60 min ahead" in message
    assert "camera-hall 的时钟" in message
    assert "timedatectl" in message
    (row,) = site.rows("SELECT kind, subject, cause FROM alarms")
    assert (row["kind"], row["subject"], row["cause"]) == ("clock_off", "camera-hall", "clock_off")
    _shows(site, "camera-hall", 1.5)
    watchdogs.rounds(10)
    assert "recovered" not in watchdogs.kinds(), "it must come well near"
    _shows(site, "camera-hall", 0.2)
    watchdogs.wait_for("clock_off", "recovered")
