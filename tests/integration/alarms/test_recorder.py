"""Reports of alarms delay neither the lease nor hold observations that have no report."""

from __future__ import annotations

import time
import weakref
from dataclasses import replace

import pytest

from easyai.alarms.recorder import Entry, Recorder
from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.reason import NO_REASON
from easyai.health.facts import Facts
from easyai.settings.schema import Settings
from tests.support.site import Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import SHORT

pytestmark = pytest.mark.sqlite_only


def _notice(subject: str = "") -> Notice:
    now = time.time()
    return Notice(
        Change.RAISED, AlarmKind.NO_ALGORITHM, subject, NO_REASON, NO_REASON, now, now, now, 0.0
    )


def test_lease_is_renewed_before_each_report(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(site.runtime, SHORT)
    answers: list[int] = []

    def written(_runtime: object, _facts: Facts) -> dict[str, str]:
        answers.append(recorder.standing.number)
        return {"en": "# Why"}

    monkeypatch.setattr("easyai.alarms.recorder.written", written)
    for subject in ("a", "b"):
        recorder.write(Entry((_notice(subject),), facts=Facts(time.time(), Settings(), {})))
    recorder.start()
    wait_until(lambda: len(answers) == 2, 10, "both reports are written")
    recorder.close()
    assert answers == [1, 2]
    reports = site.rows("SELECT markdown FROM alarm_reports")
    assert [row["markdown"] for row in reports] == ["# Why", "# Why"]


def test_waiting_entry_without_an_alarm_that_begins_holds_no_observation(
    site: Installation,
) -> None:
    recorder = Recorder(site.runtime, SHORT)
    facts = Facts(time.time(), Settings(), {})
    observation = weakref.ref(facts)
    recorder.write(Entry((replace(_notice(), change=Change.REPEATED),), facts=facts))
    del facts
    assert observation() is None
