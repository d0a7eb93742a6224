"""Admission and the watchdog forget a type when its row is deleted."""

from __future__ import annotations

from easyai.alarms.inference_progress import Progress
from easyai.alarms.timings import Timings
from easyai.pipeline.admission import Admission
from tests.support.lively import look
from tests.support.site import Installation

TYPES = [f"类型{number}" for number in range(5)]


def test_parking_state_of_a_deleted_type_is_forgotten(site: Installation) -> None:
    admission = site.runtime.part(Admission)
    for name in TYPES:
        site.record(1, name)
    admission.review()
    assert admission._parking == set(TYPES)
    site.execute("DELETE FROM frames")
    site.execute("DELETE FROM task_types WHERE name <> :kept", kept=TYPES[0])
    admission.review()
    assert admission._parking == {TYPES[0]}


def test_watchdog_forgets_the_progress_of_deleted_types(site: Installation) -> None:
    progress = Progress(0.0, Timings())
    for name in TYPES:
        site.record(1, name)
    progress.standstill(look(site, probes=False).facts, 1.0)
    assert set(progress._types) == set(TYPES)
    site.execute("DELETE FROM frames")
    site.execute("DELETE FROM task_types WHERE name <> :kept", kept=TYPES[0])
    progress.standstill(look(site, probes=False).facts, 2.0)
    assert set(progress._types) == {TYPES[0]}
