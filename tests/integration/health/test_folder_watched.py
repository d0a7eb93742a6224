"""A watcher of the frame folder that has died is noticed."""

from __future__ import annotations

from easyai.db import clock, leases
from easyai.health.checks.rows import row_results
from easyai.health.gather import gather
from easyai.process.presence import Presence
from tests.support.site import Installation
from tests.support.waiting import wait_until


def _fault(site: Installation) -> str:
    results = {result.name: result for result in row_results(gather(site.runtime, []))}
    return results["watch"].reason.code


def _hold(site: Installation, seconds: float) -> None:
    with site.runtime.db.write() as conn:
        leases.acquire(conn, "watch", "us", seconds, clock.now(conn))


def test_watcher_that_died_fails_the_check_until_another_follows(site: Installation) -> None:
    worker = Presence("worker", lambda: site.runtime.db)
    worker.start()
    try:
        wait_until(lambda: site.rows("SELECT 1 FROM processes"), 5, "a worker runs")
        assert _fault(site) == ""
        _hold(site, 15)
        assert _fault(site) == ""
        _hold(site, -1)
        assert _fault(site) == "incoming.nobody_watches"
        _hold(site, 15)
        assert _fault(site) == ""
        with site.runtime.db.write() as conn:
            leases.release(conn, "watch", "us")
        assert _fault(site) == "", "it stopped on purpose"
    finally:
        worker.close()
