"""A folder with a typo is reported with the probable type, its path and camera."""

from __future__ import annotations

import shlex

import pytest

from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.report.as_short import short
from easyai.messages.catalogue import text
from easyai.registry import approval, unregistration
from easyai.registry.payload import parse_registration
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look, processes_work
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

TYPO = "人数统记"


@pytest.fixture(autouse=True)
def served(site: Installation, algorithm: AlgorithmStub) -> None:
    """A service of the correct type."""
    site.configure(stall_alarm_sec=3600)
    site.register(algorithm)


def test_diagnosis_suggests_the_known_type_for_a_misspelt_folder(site: Installation) -> None:
    site.record(2, TYPO, camera="门口2")
    processes_work(site)
    found = look(site)
    (cause,) = [cause for cause in found.causes if cause.code == "no_service"]
    folder = site.snapshots / TYPO
    asked = f"did you mean {TYPE}? The frames come from folder {folder}, camera 门口2"
    assert asked in [text(line) for line in cause.evidence]
    assert f"是否应为 {TYPE}？" in markdown(found, "zh")
    command = shlex.split(cause.remedies[0].command)
    assert command[-4:] == ["discard", "--task-type", TYPO, "--dry-run"]
    assert f"   If {TYPE} is meant: let the camera write to that folder" in short(found)


def test_first_remedy_is_starting_services_beside_a_type_that_is_no_typo(
    site: Installation,
) -> None:
    site.record(2, TYPO)
    site.record(2, "跌倒检测")
    processes_work(site)
    (cause,) = [cause for cause in look(site).causes if cause.code == "no_service"]
    assert "Start the services of these types" in text(cause.remedies[0].text)
    assert "discard" in cause.remedies[-1].command


def test_no_algorithm_alarm_suggests_the_known_type(
    site: Installation, watchdogs: Watchdogs
) -> None:
    site.record(2, TYPO, camera="门口2")
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("no_algorithm")
    assert f"Did you mean {TYPE}? The frames come from folder" in message
    assert "camera 门口2" in message


@pytest.mark.parametrize("name", ["跌倒检测", "人脸"])
def test_different_type_name_is_not_taken_for_a_typo(site: Installation, name: str) -> None:
    site.record(1, name)
    processes_work(site)
    assert "did you mean" not in markdown(look(site))


def test_type_of_an_unregistered_service_is_not_taken_for_a_typo(site: Installation) -> None:
    with AlgorithmStub("typo", (TYPO,)) as stub:
        site.register(stub)
    unregistration.unregister(site.runtime, "typo")
    site.record(1, TYPO)
    processes_work(site)
    assert "did you mean" not in markdown(look(site))


def test_service_waiting_for_approval_is_named_with_the_command(site: Installation) -> None:
    endpoint = "http://127.0.0.1:9/infer"
    body = {"service_id": "newcomer", "task_types": [TYPO], "endpoint": endpoint}
    with site.runtime.db.write() as conn:
        approval.record_request(conn, parse_registration(body), "127.0.0.1")
    site.record(1, TYPO)
    processes_work(site)
    found = look(site)
    (cause,) = [cause for cause in found.causes if cause.code == "no_service"]
    assert any(text(line).startswith("waiting for approval: newcomer") for line in cause.evidence)
    assert shlex.split(cause.remedies[0].command)[-3:] == ["services", "approve", "newcomer"]
    assert "did you mean" not in markdown(found)


def test_type_named_in_the_settings_is_not_taken_for_a_typo(site: Installation) -> None:
    site.configure(f'[ai_analysis.types."{TYPO}"]\npriority = 3\n', stall_alarm_sec=3600)
    site.record(1, TYPO)
    processes_work(site)
    assert "did you mean" not in markdown(look(site))
