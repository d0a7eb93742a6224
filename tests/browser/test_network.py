"""The network fails for a moment, as where a laptop goes from one network to another."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import CAMERAS, Visit
from tests.support.waiting import wait_until

_FAR_MS = 60_000


def test_page_comes_up_and_shows_all_although_each_request_fails_the_first_time(
    visit: Visit,
) -> None:
    visitor = visit()
    visitor.expect_faults()  # the requests that fail
    page = visitor.page
    failed: set[str] = set()

    def fail_first(route: Route) -> None:
        url = route.request.url.partition("?")[0]
        # Without these two there is no page that could try again.
        if url in failed or url == f"{visitor.url}/" or url.endswith("/first.js"):
            route.fallback()
            return
        failed.add(url)
        route.abort("internetdisconnected")

    page.route("**/*", fail_first)
    page.goto(f"{visitor.url}/?lang=en#/")
    expect(page.locator(".verdict:not(.idle) h1")).to_be_visible(timeout=_FAR_MS)
    expect(page.locator(".chart canvas").first).to_be_visible(timeout=_FAR_MS)
    expect(page.locator(".tile img")).to_have_count(len(CAMERAS), timeout=_FAR_MS)
    _expect_pictures(page, ".tile img")
    page.keyboard.press("2")
    expect(page.locator(".alert").first).to_be_visible(timeout=_FAR_MS)
    _expect_pictures(page, ".alert img")
    expect(page.locator(".note")).to_have_count(0, timeout=_FAR_MS)
    expect(page.locator(".gone")).to_have_count(0)
    sheets = page.evaluate("[...document.styleSheets].map((sheet) => sheet.cssRules.length)")
    assert len(sheets) == 8, sheets
    assert all(sheets)
    assert {url.rpartition("/")[2] for url in failed} >= {
        "session",
        "history",
        "main.js",
        "now.css",
    }


def _expect_pictures(page: Page, where: str) -> None:
    expect(page.locator(where).first).to_have_js_property("complete", True)
    wait_until(
        lambda: page.evaluate(
            "(where) => [...document.querySelectorAll(where)].every((one) => one.naturalWidth > 0)",
            where,
        ),
        60,
        "every picture is shown",
    )
