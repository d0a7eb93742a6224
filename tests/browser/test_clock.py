"""A browser whose clock is not that of the server."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.browser.conftest import CAMERAS, TYPE, Visit
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

_AHEAD_SEC = 2 * 3600


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
