"""Two machines an hour apart, a worker and a beat on each, share one PostgreSQL and one broker."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.expected import expected
from tests.faults.fake_clock import FakeClock
from tests.faults.installations import PRODUCTION, RABBITMQ, REDIS, Production
from tests.faults.rhythm import SCAN_SEC, Rhythm
from tests.faults.trial import Trial
from tests.support.waiting import wait_until

HOUR = 3600
_FIRST_RETRY_SEC = 0.25  # of a frame that was refused


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
    )


def _keeps_rhythm(trial: Trial, seconds: float) -> None:
    with Rhythm(trial.ledger):
        time.sleep(seconds)


def _check_calls(trial: Trial) -> None:
    """Each frame was sent once, and again only when its service refused it, and not too soon."""
    calls = defaultdict(list)
    for one in trial.fleet.requests():
        calls[one.key].append(one)
    counts = Counter(len(own) for key, own in calls.items() if expected(key).outcome != "failed")
    assert set(counts) <= {1}, f"frames were sent more than once: {counts}"
    for key, own in calls.items():
        for before, after in pairwise(own):
            assert after.at - before.over_at >= 0.8 * _FIRST_RETRY_SEC, f"{key} was retried early"


@pytest.mark.parametrize(
    ("ahead", "broker"),
    [
        pytest.param(HOUR, REDIS, id="ahead"),
        pytest.param(-HOUR, RABBITMQ, id="behind", marks=pytest.mark.faults),
    ],
)
def test_machines_an_hour_apart_work_as_one(
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
            if trials.thorough:
                # Each machine alone: what one began the other one goes on with, not too early.
                for left, gone in ((2, 1), (1, 2)):
                    for part in ("worker", "beat"):
                        site.parts[f"{part}-{gone}"].stop()
                    trial.flows(50)
                    _keeps_rhythm(trial, rhythm_sec)
                    site.start_parts(f"worker-{gone}", f"beat-{gone}")
                    assert site.parts[f"worker-{left}"].running
        trial.settle()
        _check_calls(trial)
        told = wait_until(
            lambda: trial.people.told("easyai: clock_off", 0.0), 60, "people are told"
        )
        assert f"60 min {way}" in told[0].text
