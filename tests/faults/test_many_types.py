"""Services register thousands of task types at once, more than the registry takes.

Then the worker is killed, and every service is cleared and registers again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import Trials
from tests.faults.expected import expected
from tests.faults.fleet import Fleet
from tests.faults.installations import EMBEDDED, Embedded
from tests.faults.rhythm import Rhythm
from tests.faults.trial import Trial
from tests.support.jpeg import jpeg
from tests.support.waiting import wait_until

SERVICES, TYPES_EACH = 15, 200
_FITTING, _ROOM = 4, 3100  # services that fit below 1,000 types with those of the others
_CLEARED = ("no_algorithm", "service_offline", "heartbeats_missing")
_PARTS = ("worker", "beat", "api", "watchdog")
_MOST_AT_REST = 0.4  # of a core, all processes; 1.1 were burned where queues bound each other
_MOST_OF_WATCHDOG = 0.15  # of a core, over the whole trial; 0.03 are usual


@pytest.mark.faults
def test_three_thousand_task_types_are_served_without_restarts(trials: Trials) -> None:
    with trials(EMBEDDED) as trial:
        site = trial.site
        assert isinstance(site, Embedded)
        before = {part: site.pids(part) for part in _PARTS}
        began, used = time.monotonic(), _cpu_sec(before["watchdog"])
        flood = Fleet(
            site.url,
            (),
            name="flood",
            services=SERVICES,
            options=("--own-types", str(TYPES_EACH)),
        )
        trial.fleets.append(flood)
        with Rhythm(trial.ledger), trial.fault("15 services register 200 task types each"):
            flood.start()
            _is_refused(trial)
            site.process.reconfigure(f"{site.process.config.read_text()}max_task_types = {_ROOM}\n")
            # Clients go on registering until they are taken.
            wait_until(lambda: _known(trial) > SERVICES * TYPES_EACH, 60, "all are known", 0.5)
            _frames_of_their_types(trial, flood, 0)
            time.sleep(5)
        trial.resumes(within_sec=10)
        trial.settle()
        _comes_to_rest(before)
        # None was taken for hung and started again.
        assert {part: site.pids(part) for part in _PARTS} == before
        trial.rest()
        with trial.fault("worker killed and services cleared, with 3,000 types", also=_CLEARED):
            _frames_of_their_types(trial, flood, 1)
            site.kill("worker")
            _cleared(trial)
        trial.resumes(within_sec=20)
        trial.settle()
        after = {part: site.pids(part) for part in _PARTS}
        assert {part for part in _PARTS if after[part] != before[part]} == {"worker"}
        _comes_to_rest(after)
        share = (_cpu_sec(after["watchdog"]) - used) / (time.monotonic() - began)
        assert share < _MOST_OF_WATCHDOG, f"the watchdog took {share:.2f} of a core"


def _known(trial: Trial) -> int:
    return trial.ledger.count("SELECT count(*) FROM task_types")


def _is_refused(trial: Trial) -> None:
    """More types than 1,000 get a 400 with the remedy."""
    wait_until(lambda: _known(trial) > _FITTING * TYPES_EACH, 60, "the places are taken", 0.1)
    body = {
        "service_id": "too many",
        "name": "too many",
        "task_types": [f"过多{number}" for number in range(TYPES_EACH)],
        "endpoint": f"http://127.0.0.1:{next(iter(trial.fleets[-1].ports.values()))}/other",
        "version": "1.0",
    }
    url = f"{trial.site.url}/api/v1/ai_analysis/register"
    with requests.post(url, json=body, timeout=20) as answer:
        assert answer.status_code == 400
        assert "raise ai_analysis.max_task_types" in answer.text


def _cleared(trial: Trial) -> None:
    """Unregister every service by request; then each is started again, and registers."""
    url = f"{trial.site.url}/api/v1/ai_analysis/clear_all"
    with requests.post(url, timeout=20) as answer:
        assert answer.json()["cleared_count"] == sum(len(fleet.ports) for fleet in trial.fleets)
    for fleet in trial.fleets:
        fleet.kill()
        fleet.start()


def _frames_of_their_types(trial: Trial, flood: Fleet, round_number: int) -> None:
    """A frame for each service of the flood, in a type of its own."""
    for number, service_id in enumerate(flood.ports):
        key = f"{service_id}类{number * 10}/门口1/{round_number}-{number}.jpg"
        path = trial.site.frames / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(".draft")
        draft.write_bytes(jpeg(number, 64, 48))
        draft.rename(path)
        trial.camera.keys.append(key)
    assert {expected(key).outcome for key in trial.camera.keys} >= {"alert", "no_detection"}


def _comes_to_rest(parts: dict[str, list[int]]) -> None:
    pids = [pid for own in parts.values() for pid in own]

    def share() -> float:
        began, used = time.monotonic(), _cpu_sec(pids)
        time.sleep(5)
        return (_cpu_sec(pids) - used) / (time.monotonic() - began)

    wait_until(lambda: share() < _MOST_AT_REST, 60, f"less than {_MOST_AT_REST} of a core")


def _cpu_sec(pids: Iterable[int]) -> float:
    ticks = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")
