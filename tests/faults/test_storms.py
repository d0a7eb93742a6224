"""Much at once: a hundred services start, ten thousand frames come, garbage at every door."""

from __future__ import annotations

import os
import time

import pytest
import requests

from tests.faults.conftest import TYPES, Trials
from tests.faults.fleet import Fleet
from tests.faults.installations import BOTH, EMBEDDED
from tests.faults.together import together
from tests.faults.trial import Trial
from tests.support.waiting import wait_until

SERVICES, PROCESSES = 100, 5
GARBAGE = 1_000_000  # bytes
_SPARED = "/clear_all"  # clears everything, whatever its body is


def _hundred(server: str) -> list[Fleet]:
    # A heartbeat a second of each would take both cores.
    pace = ("--heartbeat-sec", "2")
    return [
        Fleet(server, TYPES, name=f"storm-{number}", services=SERVICES // PROCESSES, options=pace)
        for number in range(PROCESSES)
    ]


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_inference_resumes_after_a_hundred_services_restart_together(
    trials: Trials, kind: str
) -> None:
    with trials(kind, fleets=_hundred) as trial:
        trial.services_at_fault = True
        wait_until(lambda: _registered(trial) == SERVICES, 30, "all have registered", 0.2)
        with trial.fault("100 services restart together"):
            for fleet in trial.fleets:
                fleet.kill()
            together(*(fleet.start for fleet in trial.fleets))
        trial.resumes(within_sec=30)
        assert _registered(trial) == SERVICES


def _registered(trial: Trial) -> int:
    url = f"{trial.site.url}/api/v1/ai_analysis/services"
    total: int = requests.get(url, timeout=10).json()["total"]
    return total


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_burst_of_ten_thousand_frames_loses_no_frame(trials: Trials, kind: str) -> None:
    with trials(kind, delay_sec=0.005, max_concurrency=8) as trial:
        trial.settle_sec = 150
        with trial.fault("10,000 frames at once", also=("queue_backlog",)):
            trial.camera.stop()
            trial.camera.burst(10_000)
        trial.camera.start()
        trial.resumes(within_sec=10)


@pytest.mark.parametrize("kind", [EMBEDDED])
def test_inference_goes_on_under_a_megabyte_of_garbage_at_every_api_path(
    trials: Trials, kind: str
) -> None:
    with trials(kind) as trial:
        url = trial.site.url
        paths = requests.get(f"{url}/openapi.json", timeout=10).json()["paths"]
        calls = [(method, path) for path, own in paths.items() for method in own]
        with trial.fault("1 MB of garbage at every endpoint"):
            for method, path in calls:
                if not path.endswith(_SPARED):
                    _throw(method, url, path)
        trial.resumes(within_sec=5)
        assert trial.site.ready()


def _throw(method: str, url: str, path: str) -> None:
    real = path.replace("{", "").replace("}", "")
    text = b'{"service_id":"' + b"x" * GARBAGE + b'"}'
    for body in (os.urandom(GARBAGE), b"[" * GARBAGE, text):
        try:
            with requests.request(method, url + real, data=body, timeout=20) as answer:
                description = f"{method} {path}: {answer.status_code} {answer.text[:200]}"
                assert answer.status_code < 500, description
        except requests.ConnectionError:
            time.sleep(0)  # it hung up on the sender of too much: its right
