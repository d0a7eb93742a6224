"""Processes are killed and suspended: work resumes by itself, no frame is lost or counted twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.installations import BOTH, EMBEDDED, PRODUCTION, Embedded, Production
from tests.faults.trial import SHORT, Trial
from tests.support.waiting import wait_until

LEASE_SEC = 3
SWEEP_SEC = 5
# As by default a call may take longer than the worker is held: else it is the worker that lets
# calls run out of time, which looks as if services hung.
_PATIENT = SHORT.replace("infer_timeout_sec = 5", "infer_timeout_sec = 30")


@pytest.mark.faults
@pytest.mark.parametrize("kind", [EMBEDDED, PRODUCTION])
def test_inference_resumes_after_a_worker_is_killed_at_random_points(
    trials: Trials, kind: str
) -> None:
    times = trials.times
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with trials(kind, delay_sec=0.3, max_concurrency=8, rate=10) as trial:
        trial.settle_sec = 120  # no worker runs for most of the time: many frames wait at the end
        for _ in range(times):
            with trial.fault("worker killed in mid-batch", times):
                time.sleep(chance.uniform(0.0, 1.0))
                trial.site.kill("worker")
            # The supervisor waits up to 5 s before it restarts a child that ends repeatedly.
            trial.resumes(within_sec=20)


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_inference_goes_on_when_beat_api_or_watchdog_is_killed(trials: Trials, kind: str) -> None:
    with trials(kind, download=True) as trial:
        _kill(trial, "beat")
        trial.rest()
        _kill(trial, "api")
        trial.rest()
        _kill(trial, "watchdog")


def _kill(trial: Trial, part: str) -> None:
    for _ in range(3):
        # Heartbeats are due within the five seconds that the API needs to start.
        with trial.fault(f"{part} killed", 3, also=["heartbeats_missing"] * (part == "api")):
            trial.site.kill(part)
        trial.resumes(within_sec=15)
        wait_until(lambda: trial.site.pids(part), 15, f"{part} runs again")
        wait_until(trial.site.ready, 15, "the API is ready")


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_inference_resumes_after_all_processes_are_killed_at_once(
    trials: Trials, kind: str
) -> None:
    with trials(kind, delay_sec=0.3) as trial:
        for _ in range(2):
            with trial.fault("every process killed at once", 2):
                trial.site.kill_everything()
            trial.site.start()
            trial.resumes(within_sec=30)


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_worker_suspended_beyond_its_leases_counts_no_result_twice(
    trials: Trials, kind: str
) -> None:
    with trials(kind, times=_PATIENT, delay_sec=0.5) as trial:
        with trial.fault("workers held (SIGSTOP) for 3 leases"):
            trial.site.signal("worker", signal.SIGSTOP)
            time.sleep(3 * LEASE_SEC)
            trial.site.signal("worker", signal.SIGCONT)
        trial.resumes(within_sec=15)


@pytest.mark.faults
def test_frames_of_a_suspended_worker_go_to_the_other_worker_and_late_results_are_ignored(
    trials: Trials,
) -> None:
    with trials(PRODUCTION, times=_PATIENT, delay_sec=0.5) as trial:
        assert isinstance(trial.site, Production)
        held = trial.site.parts["worker-1"]
        with trial.fault("one of two workers held (SIGSTOP) for 3 leases"):
            held.pause()
            # The work of the other worker is not delayed.
            trial.flows(more=20, limit_sec=15)
            time.sleep(3 * LEASE_SEC)
            held.resume()
        trial.resumes(within_sec=10)


@pytest.mark.faults
def test_suspended_worker_raises_an_alarm_with_its_cause_and_is_restarted(trials: Trials) -> None:
    with trials(EMBEDDED) as trial:
        assert isinstance(trial.site, Embedded)
        old = trial.site.pids("worker")
        with trial.fault("worker held (SIGSTOP) until it is replaced"):
            _hold_worker(trial.site)
            # It counts as silent after 20 s, and is replaced after 30 s (EASYAI_HANG_SEC).
            trial.alarm("inference_stalled", "the worker hung", within_sec=30)
            wait_until(
                lambda: set(trial.site.pids("worker")) - set(old), 40, "a new worker", every=0.2
            )
        assert not set(old) & set(trial.site.pids("worker"))
        trial.resumes(within_sec=15)
        trial.alarm_over("inference_stalled", within_sec=30)


def _hold_worker(site: Embedded) -> None:
    """Outside of a transaction: else it holds the lock, and the database does not work."""
    for _ in range(20):
        site.signal("worker", signal.SIGSTOP)
        if _takes_writes(site.data / "easyai.db"):
            return
        site.signal("worker", signal.SIGCONT)
    raise AssertionError("the worker is always in a transaction")


def _takes_writes(path: Path) -> bool:
    database = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False  # locked
    finally:
        database.close()
    return True


@pytest.mark.faults
def test_process_that_stays_dead_raises_an_alarm_with_its_cause(trials: Trials) -> None:
    with trials(PRODUCTION, workers=1) as trial:
        _leave_dead(trial, "worker-1", "No worker runs")
        trial.rest()
        _leave_dead(trial, "beat-1", "No beat runs")


def _leave_dead(trial: Trial, name: str, cause: str) -> None:
    assert isinstance(trial.site, Production)
    part = trial.site.parts[name]
    with trial.fault(f"{name.partition('-')[0]} killed, started again by hand"):
        part.kill()
        trial.alarm("inference_stalled", cause, within_sec=60)
        part.start()
    trial.resumes(within_sec=15)
    trial.alarm_over("inference_stalled", within_sec=30)


@pytest.mark.faults
def test_two_beats_and_three_workers_infer_no_frame_twice(trials: Trials) -> None:
    with trials(PRODUCTION, workers=3, beats=2, rate=40, delay_sec=0.2) as trial:
        assert isinstance(trial.site, Production)
        site = trial.site
        with trial.fault("two beats, three workers; the leading beat and a worker killed"):
            trial.flows(more=150)
            leader = next(name for name in site.named("beat") if _leads(site, name))
            other = next(name for name in site.named("beat") if name != leader)
            site.parts[leader].kill()
            wait_until(lambda: _leads(site, other), 20, "the other beat leads")
            site.parts["worker-2"].kill()
        trial.resumes(within_sec=15)


def _leads(site: Production, name: str) -> bool:
    return " leads" in site.parts[name].all_output()
