"""A browser whose clock or zone is not that of the server."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from playwright.sync_api import Route, expect

from tests.browser.conftest import CAMERAS, TYPE, Visit
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

_AHEAD_SEC = 2 * 3600
_SUMMER = datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()  # Berlin: from UTC and 1 h to 2 h


def test_ages_and_the_last_hour_are_those_of_the_server(visit: Visit, site: Outside) -> None:
    site.put(f"{TYPE}/{CAMERAS[0]}/clock.jpg", jpeg(70))
    visitor = visit()
    visitor.page.clock.install(time=time.time() + _AHEAD_SEC)
    page = visitor.open()
    age = page.locator(".tile", has_text=CAMERAS[0]).locator(".cap .num, .cap .st")
    expect(age).to_have_text(re.compile(r"^\d+ s$"))

    visitor.open("alerts")
    page.get_by_label("Time", exact=True).select_option("3600")
    expect(page.locator(".btn.span")).to_be_visible()
    expect(page.locator(".alert").first).to_be_visible()


def test_visitor_in_another_zone_is_told_whose_time_the_sentences_give(visit: Visit) -> None:
    page = visit(zone="Asia/Kathmandu").open()  # UTC and 5:45 h: the minutes differ, too
    minutes = "|".join(time.strftime("%M", time.localtime(time.time() + s)) for s in (0, 60))
    there = re.compile(rf"time of the server, where it is \d\d:({minutes}) now")
    expect(page.locator(".verdict")).to_contain_text(there)
    page.goto(f"{page.url.partition('#')[0]}#/incidents/now")
    expect(page.locator(".report")).to_contain_text("time of the server")
    here = visit().open()
    expect(here.locator(".verdict h1")).to_be_visible()
    expect(here.locator(".verdict")).not_to_contain_text("time of the server")


def test_visitor_in_the_zone_of_the_server_stays_there_when_summer_time_begins(
    visit: Visit,
) -> None:
    visitor = visit(zone="Europe/Berlin")
    page = visitor.page
    asked: list[Route] = []

    def in_berlin(route: Route) -> None:
        asked.append(route)
        answer = route.fetch()
        hours = 1 if len(asked) == 1 else 2
        route.fulfill(response=answer, json={**answer.json(), "utc_offset_sec": hours * 3600})

    page.route("**/api/v1/session", in_berlin)
    page.clock.install(time=_SUMMER - 60)
    visitor.open()
    visitor.expect_faults()  # the clock leaps, as after a sleep
    page.clock.fast_forward(120_000)
    assert page.evaluate("new Date().getTimezoneOffset()") == -120
    expect(page.locator(".verdict:not(.idle) h1")).to_be_visible()
    expect(page.locator(".verdict")).not_to_contain_text("time of the server")
    assert len(asked) == 1
    with page.expect_response("**/api/v1/session"):  # the zones may differ from now on
        page.clock.fast_forward(3_600_000)
