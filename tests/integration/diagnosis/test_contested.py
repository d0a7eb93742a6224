"""Two services that take an endpoint from each other: counted, and reported with the remedy."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.contents import Diagnosis, Status, diagnose
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.symptom import STOPS
from easyai.messages.catalogue import text
from easyai.registry import registration
from easyai.registry.views import service_list
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import processes_work
from tests.support.site import TYPE, Installation

CODE = "endpoint_contested"


def _register(site: Installation, endpoint: str, *ids: str) -> None:
    for name in ids:
        body = {"service_id": name, "task_types": [TYPE], "endpoint": endpoint}
        registration.register(site.runtime, body)


def _ago(site: Installation, seconds: float) -> None:
    """Move the services and the timeline `seconds` into the past."""
    site.execute(
        "UPDATE services SET state_since = state_since - :sec, register_at = register_at - :sec",
        sec=seconds,
    )
    site.execute("UPDATE events SET at = at - :sec", sec=seconds)


def _look(site: Installation) -> Diagnosis:
    processes_work(site)
    return diagnose(site.runtime, probes=False)


def _cause(site: Installation) -> Cause | None:
    found = [cause for cause in _look(site).causes if cause.code == CODE]
    return found[0] if found else None


def test_contested_endpoint_is_a_cause_with_its_takeover_count_and_remedy(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    endpoint = algorithm.endpoint
    _register(site, endpoint, *["fightA", "fightB"] * 3, "fightA")
    found = _look(site)
    (cause,) = [cause for cause in found.causes if cause.code == CODE]
    assert found.symptom.status is Status.DEGRADED
    assert 0 < cause.weight < STOPS, "inference goes on"
    (evidence,) = cause.evidence
    assert f"{endpoint} has changed hands 6 times" in text(evidence)
    assert "fightA in place of fightB" in text(evidence)
    assert "已易主 6 次" in text(evidence, "zh")
    assert "ss -ltnp" in cause.remedies[0].command
    (entry,) = [
        event for event in as_json(found)["timeline"] if event["kind"] == "service_replaced"
    ]
    assert entry["count"] == 6, "each time counts"
    assert "6 × fightA: registered in place of service_id=fightB" in markdown(found)
    assert "轮流注册同一地址" in markdown(found, "zh")


def test_state_reason_names_the_last_takeover(site: Installation, algorithm: AlgorithmStub) -> None:
    _register(site, algorithm.endpoint, "fightA")
    _ago(site, 420)
    _register(site, algorithm.endpoint, "fightB")
    (entry,) = service_list(site.runtime, everything=True)["services"]
    assert entry["state_reason"] == "registered in place of service_id=fightA"
    assert time.time() - entry["state_since"] < 10, "it has stood there since now"
    _ago(site, 30)
    _register(site, algorithm.endpoint, "fightB")
    registration.heartbeat(site.runtime, "fightB")
    (entry,) = service_list(site.runtime, everything=True)["services"]
    assert entry["state_reason"] == "registered in place of service_id=fightA"
    assert 25 < time.time() - entry["state_since"] < 40, "registering again is no new takeover"


def test_renamed_service_does_not_contest_its_endpoint(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _register(site, algorithm.endpoint, "old", "new", "new", "new")
    assert _cause(site) is None
    _register(site, algorithm.endpoint, "old")
    assert _cause(site) is None, "the new name was a mistake"


def test_ended_contest_of_an_endpoint_is_no_cause(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _register(site, algorithm.endpoint, *"abab")
    assert _cause(site) is not None
    _ago(site, 601)
    assert _cause(site) is None
    _register(site, algorithm.endpoint, "a")
    assert _cause(site) is None, "it is counted anew"


def test_contest_of_hours_is_a_timeline_entry_and_few_events(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    for _ in range(10):
        _register(site, algorithm.endpoint, *"abababab")
        _ago(site, 55)
    rows = site.rows("SELECT text FROM events WHERE kind = 'service_replaced'")
    assert len(rows) <= 10, "one a minute at most"
    cause = _cause(site)
    assert cause is not None
    assert "79 times" in text(cause.evidence[0])
    entries = [
        event for event in as_json(_look(site))["timeline"] if event["kind"] == "service_replaced"
    ]
    assert sum(entry["count"] for entry in entries) == 79


@pytest.mark.parametrize("migrated_url", ["sqlite", "postgresql"], indirect=True)
def test_concurrent_takeovers_are_all_counted(site: Installation, algorithm: AlgorithmStub) -> None:
    _register(site, algorithm.endpoint, "first")

    def register(name: str) -> None:
        _register(site, algorithm.endpoint, name)

    with ThreadPoolExecutor(4) as clients:
        list(clients.map(register, [f"s{number}" for number in range(24)]))
    (row,) = site.rows("SELECT text FROM events WHERE kind = 'service_replaced'")
    assert row["text"].endswith("(24 ×)")
    (entry,) = service_list(site.runtime, everything=True)["services"]
    assert entry["state_reason"].endswith("(24 ×)")
