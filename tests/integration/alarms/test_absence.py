"""After all processes were killed, the next watchdog reports for how long nothing ran."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from easyai.alarms import recorder
from easyai.db import alarms, events, leases, processes
from easyai.domain.reason import quoted
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import waits_since
from tests.support.site import Installation
from tests.support.watchdogs import SHORT, Watchdogs

pytestmark = pytest.mark.sqlite_only

AGO_SEC = 7200.0


@pytest.fixture(autouse=True)
def short_times(watchdogs: Watchdogs, site: Installation) -> None:
    """A living process has half a second to show itself. The missing worker raises no alarm."""
    watchdogs.timings = replace(watchdogs.timings, shown_sec=0.5)
    site.configure(stall_alarm_sec=3600)


def _killed(site: Installation, ago: float = AGO_SEC, host: str = "") -> float:
    """Every process ran until `ago` seconds ago and was killed; returns that time."""
    at = time.time() - ago
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with site.runtime.db.write() as conn:
        for kind in ("worker", "beat", "api", "watchdog"):
            processes.beat(conn, kind, host or socket.gethostname(), gone.pid, at, at - 600)
        leases.acquire(conn, recorder.LEASE, "old", SHORT.lease_sec, at)
    return at


@pytest.mark.parametrize("host", ["", "another-box"])
def test_outage_of_all_processes_is_reported_once_with_its_duration(
    site: Installation, watchdogs: Watchdogs, host: str
) -> None:
    at = _killed(site, host=host)
    first = watchdogs.start()
    (_, message), (_, over) = watchdogs.wait_for("inference_stalled", "recovered")
    assert message.startswith("easyai gave no sign of life from ")
    assert "0 frames wait" in message
    assert "没有任何运行迹象（2 小时）" in message
    assert "over after at most 2 h: inference_stalled" in over
    assert "the cause was: easyai gave no sign of life (not_running)" in over
    (alarm,) = watchdogs.alarms()
    assert (alarm["kind"], alarm["cause"]) == ("inference_stalled", "not_running")
    assert abs(alarm["began_at"] - at) < 1
    rows = site.rows("SELECT kind FROM events WHERE kind LIKE 'alarm%' ORDER BY id")
    assert [row["kind"] for row in rows] == ["alarm_raised", "alarm_over"]
    watchdogs.stop(first)
    watchdogs.start()
    watchdogs.rounds()
    assert watchdogs.kinds() == ["inference_stalled", "recovered"]


def test_outage_of_all_processes_is_not_over_while_services_are_dead(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=2)
    site.register(algorithm)
    algorithm.stop()
    site.put_many(3)
    site.scan()
    waits_since(site, 60)
    _killed(site, ago=60)
    watchdogs.start()
    (_, absent), (_, explained) = watchdogs.wait_for(
        "inference_stalled", "inference_stalled", timeout=40
    )
    assert "3 frames wait" in absent
    assert "the cause is now known" in explained
    assert "recovered" not in watchdogs.kinds()


def _killed_a_moment_ago(site: Installation) -> None:
    _killed(site, ago=10.0)


def _ended_in_order(site: Installation) -> None:
    at = _killed(site)
    with site.runtime.db.write() as conn:
        leases.release(conn, recorder.LEASE, "old")
        events.add(
            conn, [events.Event(at, "process_stopped", "watchdog@box:1", quoted("ended in order"))]
        )


def _stopped_with_a_watchdog_that_was_slow(site: Installation) -> None:
    at = _killed(site)
    with site.runtime.db.write() as conn:
        events.add(
            conn, [events.Event(at - 1, "process_stopped", "worker@box:1", quoted("in order"))]
        )


def _only_the_watchdog(site: Installation) -> None:
    at = _killed(site)
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "another-box", 7, time.time() - 2, at - 600)


def _clock_set_back(site: Installation) -> None:
    _killed(site, ago=-AGO_SEC)


@pytest.mark.parametrize(
    "before",
    [
        _killed_a_moment_ago,
        _ended_in_order,
        _stopped_with_a_watchdog_that_was_slow,
        _only_the_watchdog,
        _clock_set_back,
    ],
)
def test_no_outage_alarm_after_a_short_or_orderly_stop_or_if_other_processes_ran(
    site: Installation, watchdogs: Watchdogs, before: Callable[[Installation], None]
) -> None:
    before(site)
    watchdogs.start()
    watchdogs.rounds()
    assert watchdogs.kinds() == []


def test_no_outage_alarm_if_a_worker_elsewhere_shows_itself_in_time(
    site: Installation, watchdogs: Watchdogs
) -> None:
    # As if the watchdog was restarted during an outage of the database.
    watchdogs.timings = replace(watchdogs.timings, shown_sec=3.0)
    at = _killed(site, host="another-box")
    watchdogs.start()
    watchdogs.rounds(3)
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "another-box", 7, time.time(), at - 600)
    watchdogs.rounds(18)
    assert watchdogs.kinds() == []


@pytest.mark.parametrize("rings", ["bus_down", "inference_stalled"])
def test_alarm_from_before_an_outage_ends_with_an_upper_bound_of_its_duration(
    site: Installation, watchdogs: Watchdogs, rings: str
) -> None:
    at = _killed(site)
    with site.runtime.db.write() as conn:
        alarms.record_notification(conn, rings, "", quoted("refused"), at - 60, at - 30, at - 30)
    watchdogs.start()
    watchdogs.wait_for(
        "inference_stalled", *["recovered"] * (1 + (rings == "bus_down")), timeout=60
    )
    absent = watchdogs.messages()[0][1]
    assert ("the earlier alarm goes on" in absent) is (rings == "inference_stalled")
    (message,) = [
        text for _, text in watchdogs.messages() if f"2 h: {rings}" in text and "refused" in text
    ]
    assert f"over after at most 2 h: {rings}" in message
    assert (
        "the cause was: refused; the trouble may have ended earlier: easyai gave no sign" in message
    )
    assert "可能更早已恢复：easyai 从 " in message
    (alarm,) = [
        alarm
        for alarm in watchdogs.alarms()
        if alarm["kind"] == rings and alarm["cause"] == "refused"
    ]
    assert abs(alarm["began_at"] - (at - 60)) < 1
