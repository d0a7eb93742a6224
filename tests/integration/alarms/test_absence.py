"""When everything was killed at once, the next watchdog tells for how long nothing ran."""

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
    """One that lives has half a second to show itself. No worker runs, and that is not told."""
    watchdogs.timings = replace(watchdogs.timings, shown_sec=0.5)
    site.configure(stall_alarm_sec=3600)


def _killed(site: Installation, ago: float = AGO_SEC, host: str = "") -> float:
    """Everything ran until so long ago, and was killed; when that was."""
    at = time.time() - ago
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with site.runtime.db.write() as conn:
        for kind in ("worker", "beat", "api", "watchdog"):
            processes.beat(conn, kind, host or socket.gethostname(), gone.pid, at, at - 600)
        leases.acquire(conn, recorder.LEASE, "old", SHORT.lease_sec, at)
    return at


@pytest.mark.parametrize("host", ["", "another-box"])
def test_people_are_told_once_from_when_to_when_nothing_ran_and_that_inference_goes_on(
    site: Installation, watchdogs: Watchdogs, host: str
) -> None:
    at = _killed(site, host=host)
    first = watchdogs.start()
    (_, said), (_, over) = watchdogs.wait_for("inference_stalled", "recovered")
    assert said.startswith("easyai showed no sign of itself from ")
    assert "0 frames wait" in said
    assert "没有任何运行迹象（2 小时）" in said
    assert "over after at most 2 h: inference_stalled" in over
    assert "the cause was: easyai showed no sign of itself (not_running)" in over
    (alarm,) = watchdogs.alarms()
    assert (alarm["kind"], alarm["cause"]) == ("inference_stalled", "not_running")
    assert abs(alarm["began_at"] - at) < 1
    told = site.rows("SELECT kind FROM events WHERE kind LIKE 'alarm%' ORDER BY id")
    assert [row["kind"] for row in told] == ["alarm_raised", "alarm_over"]
    watchdogs.stop(first)
    watchdogs.start()
    watchdogs.rounds()
    assert watchdogs.kinds() == ["inference_stalled", "recovered"]


def test_nothing_is_told_to_have_recovered_while_services_are_dead_as_well(
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
def test_nothing_is_told_when_it_was_short_or_in_order_or_others_ran(
    site: Installation, watchdogs: Watchdogs, before: Callable[[Installation], None]
) -> None:
    before(site)
    watchdogs.start()
    watchdogs.rounds()
    assert watchdogs.kinds() == []


def test_one_that_lives_elsewhere_has_time_to_show_itself(
    site: Installation, watchdogs: Watchdogs
) -> None:
    # As after an outage of the database in which the watchdog was started anew.
    watchdogs.timings = replace(watchdogs.timings, shown_sec=3.0)
    at = _killed(site, host="another-box")
    watchdogs.start()
    watchdogs.rounds(3)
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "another-box", 7, time.time(), at - 600)
    watchdogs.rounds(18)
    assert watchdogs.kinds() == []


@pytest.mark.parametrize("rings", ["bus_down", "inference_stalled"])
def test_an_alarm_that_rang_then_and_is_over_claims_no_duration_that_nobody_saw(
    site: Installation, watchdogs: Watchdogs, rings: str
) -> None:
    at = _killed(site)
    with site.runtime.db.write() as conn:
        alarms.notified(conn, rings, "", quoted("refused"), at - 60, at - 30, at - 30)
    watchdogs.start()
    watchdogs.wait_for(
        "inference_stalled", *["recovered"] * (1 + (rings == "bus_down")), timeout=60
    )
    absent = watchdogs.messages()[0][1]
    assert ("the alarm of before goes on" in absent) is (rings == "inference_stalled")
    (said,) = [
        said for _, said in watchdogs.messages() if f"2 h: {rings}" in said and "refused" in said
    ]
    assert f"over after at most 2 h: {rings}" in said
    assert "the cause was: refused; it may have been over sooner: easyai showed no sign" in said
    assert "可能更早已恢复：easyai 从 " in said
    (alarm,) = [
        one for one in watchdogs.alarms() if one["kind"] == rings and one["cause"] == "refused"
    ]
    assert abs(alarm["began_at"] - (at - 60)) < 1
