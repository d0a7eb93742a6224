"""A worker that takes no tasks is restarted; a worker with a slow scan is not."""

from __future__ import annotations

import pytest

from easyai.alarms.silent_stall import SilentStall
from easyai.health.facts import Facts
from easyai.health.process_facts import ProcessFacts, ProcessLeaseFacts
from easyai.health.snapshot import Snapshot
from easyai.settings.schema import Settings

START = 1_000_000.0


def _facts(now: float, scan: ProcessLeaseFacts) -> Facts:
    beat = ProcessLeaseFacts("beat", START + now + 5, 0.0)
    worker = ProcessFacts("worker@a:1", "worker", 1, START, START + now, exists=True)
    leases = {"scan": scan, "beat": beat}
    snapshot = Snapshot((), (), (worker,), leases, (), (), 0, 0.0, 0.0, 0.0, {})
    return Facts(START + now, Settings(), {}, snapshot)


def _restarts_after(scan: ProcessLeaseFacts) -> float:
    """Seconds from the end of the scan's lease to the first request to restart."""
    stall = SilentStall()
    for now in range(0, 1000, 2):
        if stall.reason_to_restart(_facts(now, scan), now):
            return START + now - scan.expires_at
    return float("inf")


def test_no_scan_within_half_a_minute_of_the_last_scan_is_a_stall() -> None:
    scan = ProcessLeaseFacts("a", expires_at=START + 100.5, done_at=START + 100)
    assert _restarts_after(scan) == pytest.approx(30, abs=4)


def test_a_scan_that_has_outlived_its_claim_may_go_on_for_minutes() -> None:
    scan = ProcessLeaseFacts("a", expires_at=START + 100, done_at=START + 30)
    assert 200 < _restarts_after(scan) < 300
