"""Calls whose worker did not run meanwhile do not count against a service."""

from __future__ import annotations

import time

import pytest

from easyai.db import processes
from easyai.health.gather import gather
from easyai.health.liveness import calls_ran
from tests.support.site import Installation

_LEASED, _OVERDUE = 12.0, 2.0  # seconds ago


def _worker(site: Installation, pid: int, started_at: float, shown_at: float) -> None:
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "box", pid, shown_at, started_at)


@pytest.mark.parametrize(
    ("workers", "ran"),
    [
        ([(600, 1)], True),
        ([(600, 9)], False),  # held up, perhaps still
        ([(5, 1)], False),  # another worker made the call
        ([(600, 1), (600, 9)], False),  # unknown which worker made the call
        ([(600, 1), (5, 1)], True),
        ([(600, 1), (600, 40)], True),  # the second worker counts as ended
        ([], False),
    ],
)
def test_call_counts_only_if_its_worker_ran_until_it_was_overdue(
    site: Installation, workers: list[tuple[float, float]], ran: bool
) -> None:
    now = time.time()
    for pid, (started, shown) in enumerate(workers, start=1):
        _worker(site, pid, now - started, now - shown)
    facts = gather(site.runtime, [])
    assert calls_ran(facts, now - _LEASED, now - _OVERDUE) is ran
