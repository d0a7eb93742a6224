"""What the dashboard shows of services that moved or were unregistered."""

from __future__ import annotations

import pytest

from easyai.dashboard.sections import verdict_section
from easyai.dashboard.sections.services_section import ServicesSection
from easyai.dashboard.sections.verdict_section import VerdictSection
from easyai.dashboard.verdicts import Verdicts
from easyai.db import clock, live_rows
from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.report.as_short import short
from easyai.registry import registration, unregistration
from easyai.tasks.sweep import sweep
from tests.integration.health.homes import homes, state_of, sweeps
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look, processes_work
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

__all__ = ["homes"]

pytestmark = pytest.mark.sqlite_only


def _verdict(site: Installation, language: str = "en") -> dict[str, object]:
    processes_work(site)
    verdicts = Verdicts(site.runtime)
    section = VerdictSection(verdicts)
    with site.runtime.db.read() as conn:
        section.read(conn, clock.now(conn))
    shown = section.show(language).whole
    verdicts.close()
    assert isinstance(shown, dict)
    return shown


def _services(site: Installation) -> list[dict[str, object]]:
    section = ServicesSection()
    with site.runtime.db.read() as conn:
        section.read(conn, clock.now(conn))
    shown = section.show("en").whole
    assert isinstance(shown, list)
    return shown


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for each diagnosis, however busy the machine is."""
    monkeypatch.setattr(verdict_section, "_FIRST_SEC", 20.0)


def test_left_endpoint_is_shown_as_moved_and_the_sentence_is_green(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweeps(site)
    with site.runtime.db.read() as conn:
        assert live_rows.available(conn)[TYPE] == (1, 1)
    shown = _services(site)
    assert {entry["endpoint"]: entry["state"] for entry in shown} == {
        old.endpoint: "moved",
        new.endpoint: "online",
    }
    verdict = _verdict(site)
    assert (verdict["state"], verdict["reason"], verdict["command"]) == ("ok", "", "")


def test_left_endpoint_is_shown_until_a_day_after_its_last_sign_of_life_and_when_it_returns(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, dead = homes
    site.register(dead, service_id="another")
    old.stop()
    dead.stop()
    site.register(new)
    sweeps(site)
    a_day_ago = "UPDATE services SET last_evidence = last_evidence - 86500 WHERE endpoint = :it"
    for silent in (old, dead):
        site.execute(a_day_ago, it=silent.endpoint)
    for _ in range(2):
        sweep(site.runtime)
    shown = {entry["endpoint"]: entry["state"] for entry in _services(site)}
    assert shown == {new.endpoint: "online", dead.endpoint: "offline"}, "which has not moved"
    unregistration.unregister(site.runtime, new.endpoint)
    assert old.endpoint in [entry["endpoint"] for entry in _services(site)], "its id is nowhere"
    site.register(new)
    assert old.endpoint not in [entry["endpoint"] for entry in _services(site)]
    old.start()
    registration.heartbeat(site.runtime, old.endpoint)
    assert old.endpoint in [entry["endpoint"] for entry in _services(site)]


def test_service_that_was_killed_is_not_shown_as_well_before_its_heartbeats_are_missing(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    assert [entry["state"] for entry in _services(site)] == ["online"]
    homes[0].stop()
    site.put_many(8)
    site.scan()
    with site.loop().pumped(TYPE):
        is_open = "SELECT pk FROM services WHERE breaker_open_until > 0"
        wait_until(lambda: site.rows(is_open), 15, "three calls failed")
    assert [row["state"] for row in site.rows("SELECT state FROM services")] == ["online"]
    (shown,) = _services(site)
    assert (shown["state"], shown["breaker"]) == ("failing", "open")
    assert "Connection refused" in str(shown["reason"])
    with site.runtime.db.read() as conn:
        assert live_rows.available(conn)[TYPE] == (1, 0)


def test_report_names_a_move_under_the_remarks_while_an_alarm_rings_without_a_cause(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.register(new)
    sweeps(site)
    lost = AlgorithmStub("other")
    site.register(lost)
    site.execute("UPDATE services SET last_evidence = 1 WHERE endpoint = :it", it=lost.endpoint)
    for _ in range(2):
        sweep(site.runtime)
    dog = watchdogs.start()
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "the alarm is raised")
    watchdogs.stop(dog)
    unregistration.unregister(site.runtime, lost.endpoint)
    processes_work(site)
    found = look(site)
    report = markdown(found)
    causes, _, remarks = report.partition("## Root causes")[2].partition("## Remarks")
    assert "No cause found" in causes
    assert "service_moved" not in causes
    assert remarks.strip().startswith("### 1. ")
    assert "(`service_moved`)" in remarks
    assert "that moved" not in short(found), "the short report has no remarks"


def test_sentence_names_the_alarm_that_still_rings_after_its_endpoint_was_unregistered(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    lost = homes[0]
    with AlgorithmStub("other") as other:
        site.register(other)
        lost.stop()
        site.execute(
            "UPDATE services SET last_evidence = last_evidence - 100 WHERE endpoint = :it",
            it=lost.endpoint,
        )
        for _ in range(2):
            sweep(site.runtime)
        dog = watchdogs.start()
        wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "the alarm is raised")
        watchdogs.stop(dog)  # as if it took its time to see that the alarm is over
        unregistration.unregister(site.runtime, lost.endpoint)
        assert state_of(site, lost)[0] == "unregistered"
        for language, words in (("en", "alarms still ringing"), ("zh", "告警尚未解除")):
            verdict = _verdict(site, language)
            assert verdict["state"] == "warn"
            assert words in str(verdict["reason"])
            assert lost.endpoint in str(verdict["reason"])
        site.execute("UPDATE alarms SET over_at = raised_at")
        assert (_verdict(site)["state"], _verdict(site)["reason"]) == ("ok", "")
