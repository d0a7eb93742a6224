"""Two machines an hour apart, a worker and a beat on each, share a PostgreSQL and a broker."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.expected import expected
from tests.faults.fake_clock import FakeClock
from tests.faults.fleet import most_in_flight
from tests.faults.installations import PRODUCTION, RABBITMQ, REDIS, Production
from tests.faults.rhythm import SCAN_SEC, Rhythm
from tests.faults.trial import LIMIT, Trial
from tests.support.waiting import wait_until

HOUR = 3600
_FIRST_RETRY_SEC = 0.25  # of a frame that was refused
#: Of each of three services: together more than all are allowed, so that both limits matter.
_AT_ONCE = LIMIT // 3 + 1


@pytest.fixture
def clock(tmp_path: Path) -> FakeClock:
    """The clock of the second machine."""
    return FakeClock(tmp_path)


def _apart(trials: Trials, clock: FakeClock, broker: str) -> Trial:
    """A trial whose second worker and second beat go by another clock."""
    return trials(
        PRODUCTION,
        broker=broker,
        workers=2,
        beats=2,
        settings=f"scan_interval_sec = {SCAN_SEC}\n",
        elsewhere=dict.fromkeys(("worker-2", "beat-2"), clock.environment),
        max_concurrency=_AT_ONCE,
    )


def _keeps_rhythm(trial: Trial, seconds: float) -> None:
    with Rhythm(trial.ledger):
        time.sleep(seconds)


def _reaches_the_limits(trial: Trial) -> None:
    """More waits than may be in flight: all places are taken. Nobody ever took more (`finish`)."""
    trial.camera.stop()  # it writes from a single thread at a time
    trial.fleet.control(delay_sec=1.0)  # as long as that a place stays taken
    trial.camera.burst(12 * LIMIT)
    trial.camera.start()
    wait_until(
        lambda: most_in_flight(trial.fleet.requests()) >= LIMIT - 1,
        20,
        f"{LIMIT - 1} frames in flight, as all machines together may have {LIMIT}",
        0.2,
    )
    # Of so many requests at three services, the busiest has this many by arithmetic, or 1 more.
    own = [
        most_in_flight(
            [request for request in trial.fleet.requests() if request.service_id == service_id]
        )
        for service_id in trial.fleet.ports
    ]
    assert max(own) >= _AT_ONCE - 1, f"in flight at each service: {own}"
    trial.fleet.control(delay_sec=trial.fleet.delay_sec)


def _check_calls(trial: Trial) -> None:
    """Each frame was sent once, and again only when its service refused it, and not too soon."""
    calls = defaultdict(list)
    for request in trial.fleet.requests():
        calls[request.key].append(request)
    counts = Counter(len(own) for key, own in calls.items() if expected(key).outcome != "failed")
    assert set(counts) <= {1}, f"frames were sent more than once: {counts}"
    for key, own in calls.items():
        for before, after in pairwise(own):
            assert after.at - before.over_at >= 0.8 * _FIRST_RETRY_SEC, f"{key} was retried early"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("ahead", "broker"),
    [pytest.param(HOUR, REDIS, id="ahead"), pytest.param(-HOUR, RABBITMQ, id="behind")],
)
def test_machines_with_clocks_an_hour_apart_work_together(
    trials: Trials, clock: FakeClock, ahead: int, broker: str
) -> None:
    clock.set(ahead)
    rhythm_sec = 10.0 if trials.thorough else 6.0
    trial = _apart(trials, clock, broker)
    trial.standing.add("clock_off")
    with trial:
        site = trial.site
        assert isinstance(site, Production)
        way = "ahead" if ahead > 0 else "behind"
        with trial.fault(f"a second machine whose clock is an hour {way} ({broker})"):
            _keeps_rhythm(trial, rhythm_sec)
            trial.goes_on(within_sec=10)
            _reaches_the_limits(trial)
            if trials.thorough:
                # Each machine alone: it goes on with the other machine's work, not too early.
                for left, gone in ((2, 1), (1, 2)):
                    for part in ("worker", "beat"):
                        site.parts[f"{part}-{gone}"].stop()
                    trial.flows(50)
                    _keeps_rhythm(trial, rhythm_sec)
                    site.start_parts(f"worker-{gone}", f"beat-{gone}")
                    assert site.parts[f"worker-{left}"].running
        trial.settle()
        _check_calls(trial)
        messages = wait_until(
            lambda: trial.people.titled("easyai: clock_off", 0.0), 60, "the alarm is notified"
        )
        assert f"60 min {way}" in messages[0].text
