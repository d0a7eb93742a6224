"""The benchmark of the dashboard's pages, with a small ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bench import pages, site
from bench.pages import LIVE, Measured, whole_pages
from bench.pages_ledger import LedgerSize, fill
from bench.pages_meter import Cost, DatabaseMeter
from bench.pages_reads import PREVIEWS, reads
from easyai.api.server import API_PREFIX
from easyai.dashboard import routers
from easyai.db import clock
from easyai.runtime import Runtime

SIZE = LedgerSize(1800, 1000, cameras=4, types=3, services=5, events=200, alarms=10)
# An export streams all that it gives; a frame's picture is read as an alert's picture is.
NOT_MEASURED = {"/alerts/export", "/thumbnails/frames/{id}", "/pictures/frames/{id}"}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A small ledger of the benchmark."""
    settings = site.write_settings(Path(tmp_path_factory.mktemp("pages")))
    with site.opened(settings) as runtime:
        fill(runtime, SIZE)
        yield runtime


def test_every_read_and_the_live_state_are_measured(ledger: Runtime) -> None:
    found = pages.measure(ledger, rounds=1, ticks=2)
    assert all(row.costs for row in found)
    free = {row.name for row in found if not row.best.database}
    assert free == {"all"}, "only the settings in force take nothing of the database"
    assert all(row.best.whole >= row.best.database for row in found if row.page != LIVE)
    assert {"Now", "Alerts", "System"} <= set(whole_pages(found))


def test_every_path_of_the_dashboard_that_reads_is_measured(ledger: Runtime) -> None:
    measured = {read.path for read in reads(ledger)}
    missing = {
        route.path.removeprefix("/dashboard")
        for module in routers.DATA
        for route in module.router.routes
        if "GET" in route.methods
        and not any(route.path_regex.fullmatch(f"/dashboard{path}") for path in measured)
    }
    assert missing == NOT_MEASURED
    assert API_PREFIX + "/dashboard" == pages.DASHBOARD


def test_ledger_has_failed_waiting_and_settled_frames(ledger: Runtime) -> None:
    with ledger.db.read() as conn:
        rows = conn.execute(text("SELECT state, count(*) FROM frames GROUP BY state"))
        states = {row[0]: row[1] for row in rows}
    assert states == {"done": 1260, "failed": 360, "parked": 90, "pending": 90}


def test_meter_counts_the_time_within_transactions_only(ledger: Runtime) -> None:
    meter = DatabaseMeter(ledger.db)
    _work()
    assert meter.cost().database == 0
    with ledger.db.read() as conn:
        clock.now(conn)
        _work()
    cost = meter.cost()
    assert 5 < cost.database < cost.whole


def _work() -> None:
    """Take some milliseconds of CPU."""
    for number in range(200_000):
        re.escape(str(number % 9))


def test_page_adds_up_the_dearest_reads_of_its_parts() -> None:
    rows = [
        _measured("Alerts", "list", 9, 12, 10),
        _measured("Alerts", "list", 5),
        _measured("Alerts", "histogram", 4),
        _measured("Cameras", "list", 3),
        _measured(PREVIEWS, "delete", 600),
    ]
    (page,) = whole_pages(rows).values()
    assert (page.page, page.best.database, page.median.database) == ("Alerts", 13, 14)


@pytest.mark.parametrize(
    ("page", "database_ms", "verdict"),
    [("Alerts", 21, "OVER"), ("Alerts", 19, "ok"), (PREVIEWS, 600, ""), (LIVE, 19, "OVER")],
)
def test_verdict_is_by_the_database_and_of_a_tick_by_the_whole(
    page: str, database_ms: float, verdict: str
) -> None:
    assert _measured(page, "a part", database_ms).verdict == verdict


def _measured(page: str, part: str, *database_ms: float) -> Measured:
    return Measured(page, part, "a read", [Cost(ms, ms + 2) for ms in database_ms])
