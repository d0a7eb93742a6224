"""Algorithm services die, fall silent and hang: the incident that this project exists for."""

from __future__ import annotations

import time

import pytest

from tests.faults.conftest import TYPES, Trials
from tests.faults.fleet import Fleet
from tests.faults.installations import BOTH, EMBEDDED
from tests.faults.together import together

#: A silent service that does not live is offline by then: 5 s of silence, two sweeps, and slack.
OFFLINE_SEC = 25


@pytest.mark.faults
@pytest.mark.parametrize("kind", [EMBEDDED, "production"])
def test_inference_resumes_after_all_services_died_and_returned(trials: Trials, kind: str) -> None:
    with trials(kind) as trial:
        trial.services_at_fault = True
        with trial.fault("all services killed, back later"):
            trial.fleet.kill()
            trial.alarm("inference_stalled", "died", within_sec=60)
            trial.fleet.start()
        trial.resumes(within_sec=10)
        trial.alarm_over("inference_stalled", within_sec=30)


def _twelve(server: str, *options: str) -> list[Fleet]:
    """As in the field: yolo11x_head_detector_1 … 12, here three in a process."""
    return [
        Fleet(
            server,
            TYPES,
            name=f"yolo11x_head_detector_{number}",
            services=3,
            max_concurrency=2,
            options=options,
        )
        for number in range(4)
    ]


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_inference_goes_on_while_heartbeats_of_twelve_live_services_are_cut(
    trials: Trials, kind: str
) -> None:
    """The incident: inference goes on, and within a minute the right people know."""
    with trials(kind, fleets=_twelve) as trial:
        trial.services_at_fault = True
        with trial.fault("heartbeats of 12 services cut off, services live"):
            for fleet in trial.fleets:
                fleet.control(heartbeats=False)
            trial.alarm("heartbeats_missing", "points at this server", within_sec=60)
            while time.time() < trial.began_at + OFFLINE_SEC:
                trial.flows(more=40, limit_sec=15)
            # Five seconds without a result would have raised it.
            trial.no_alarm("inference_stalled")
            for fleet in trial.fleets:
                fleet.control(heartbeats=True)
        trial.resumes(within_sec=5)
        trial.alarm_over("heartbeats_missing", within_sec=30)


def _field(server: str) -> list[Fleet]:
    """The same with heartbeats as seldom as in the field."""
    return _twelve(server, "--heartbeat-sec", "30")


@pytest.mark.faults
def test_alarms_of_the_incident_come_within_a_minute_at_default_settings(trials: Trials) -> None:
    """A minute after heartbeats are overdue, or nothing is inferred, people know why."""
    with trials(EMBEDDED, times="", fleets=_field) as trial:
        trial.services_at_fault = True
        with trial.fault("at default times: heartbeats of 12 services cut off, services live"):
            for fleet in trial.fleets:
                fleet.control(heartbeats=False)
            trial.alarm("heartbeats_missing", "points at this server", within_sec=60 + 60)
            trial.no_alarm("inference_stalled")
            for fleet in trial.fleets:
                fleet.control(heartbeats=True)
        trial.resumes(within_sec=5)
        trial.alarm_over("heartbeats_missing", within_sec=60)
        trial.rest()
        with trial.fault("at default times: all 12 services killed, back later"):
            for fleet in trial.fleets:
                fleet.kill()
            trial.alarm("inference_stalled", "died", within_sec=60)
            together(*(fleet.start for fleet in trial.fleets))
        trial.resumes(within_sec=10)
        trial.alarm_over("inference_stalled", within_sec=30)


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_inference_resumes_after_services_hang(trials: Trials, kind: str) -> None:
    with trials(kind) as trial:
        trial.services_at_fault = True
        with trial.fault("all services hang (accept, never answer), then heal"):
            trial.fleet.control(hangs=True)
            trial.alarm("inference_stalled", "inference hangs", within_sec=60)
            trial.fleet.control(hangs=False)
        trial.resumes(within_sec=60)
        trial.alarm_over("inference_stalled", within_sec=60)


@pytest.mark.faults
def test_suspended_services_are_used_again_when_they_go_on(trials: Trials) -> None:
    with trials(EMBEDDED) as trial:
        trial.services_at_fault = True
        with trial.fault("all services held (SIGSTOP) for 15 s"):
            trial.fleet.pause()
            time.sleep(15)
            trial.fleet.resume()
        trial.resumes(within_sec=30)
