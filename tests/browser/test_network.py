"""The network, the server or a gateway fails for a moment, or has too much to do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import CAMERAS, Visit
from tests.support.waiting import wait_until

_FAR_MS = 60_000
_SHEETS = ("tokens", "frame", "parts", "now", "alerts", "tables", "incidents")
_OF_A_PICTURE = 2  # requests: of the element, and whether the picture may be had
_BUSY_MS = 15_000  # until a server with too much to do is asked again


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
    wait_until(lambda: "uPlot.min.css" in _sheets(page), 60, "the style sheet of the curves")
    page.keyboard.press("2")
    expect(page.locator(".alert").first).to_be_visible(timeout=_FAR_MS)
    _expect_pictures(page, ".alert img")
    expect(page.locator(".note")).to_have_count(0, timeout=_FAR_MS)
    expect(page.locator(".gone")).to_have_count(0)
    # Where modules fail again and again, the page has been loaded anew, and shows no curves.
    assert _sheets(page) - {"uPlot.min.css"} == {f"{name}.css" for name in _SHEETS}
    assert {url.rpartition("/")[2] for url in failed} >= {
        "session",
        "history",
        "main.js",
        "now.css",
    }


def _sheets(page: Page) -> set[str]:
    """The style sheets of the page that have arrived."""
    names: list[str] = page.evaluate(
        "[...document.styleSheets].filter((one) => one.cssRules.length).map((one) => one.href)"
    )
    return {name.rpartition("/")[2] for name in names}


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


def test_page_without_its_modules_waits_until_the_server_and_not_a_gateway_answers(
    visit: Visit,
) -> None:
    visitor = visit()
    visitor.expect_faults()
    page = visitor.page
    address = f"{visitor.url}/?lang=en"
    # The page arrives, its modules do not, and then a gateway answers once in place of the server.
    statuses = {address: [200, 502], f"{visitor.url}/static/js/main.js": [502]}

    def answer(route: Route) -> None:
        if route.request.url.endswith("/icon.svg"):
            return  # a picture that takes its time, as on a busy machine
        left = statuses.get(route.request.url)
        if left and left.pop(0) == 502:
            route.fulfill(status=502, body="Bad Gateway")
        else:
            route.fallback()

    page.route("**/*", answer)
    page.goto(f"{address}#/")
    expect(page.locator(".verdict:not(.idle) h1")).to_be_visible(timeout=_FAR_MS)
    assert list(statuses.values()) == [[], []]
    assert page.evaluate("sessionStorage.length") == 0  # the next failure waits for a short time


def test_page_is_loaded_anew_when_the_browser_keeps_the_failure_of_a_module(visit: Visit) -> None:
    visitor = visit()
    visitor.expect_faults()
    page = visitor.page
    times = 0  # the page was loaded

    def fail_as_long_as_the_page_stays(route: Route) -> None:
        nonlocal times
        times += route.request.resource_type == "document"
        if times == 1 and route.request.url.endswith("/now_parts.js"):
            route.abort("internetdisconnected")
        else:
            route.fallback()

    page.route("**/*", fail_as_long_as_the_page_stays)
    page.goto(f"{visitor.url}/?lang=en#/")
    expect(page.locator(".note")).to_contain_text("now_parts.js")
    expect(page.locator(".tile img")).to_have_count(len(CAMERAS), timeout=_FAR_MS)
    expect(page.locator(".note")).to_have_count(0)
    assert times == 2


@pytest.mark.parametrize(
    "instead",
    [
        {"status": 502, "body": "Bad Gateway"},
        {"status": 200, "content_type": "text/html", "body": "<h1>Log in to the network</h1>"},
    ],
)
def test_picture_that_only_a_gateway_answered_for_is_shown_later(
    visit: Visit, instead: dict[str, Any]
) -> None:
    visitor = visit()
    visitor.expect_faults()
    page = visitor.page
    answered: list[str] = []

    def answer_as_gateway(route: Route) -> None:
        url = route.request.url.partition("?")[0]
        if answered.count(url) < _OF_A_PICTURE:
            answered.append(url)
            route.fulfill(**instead)
        else:
            route.fallback()

    page.route("**/dashboard/thumbnails/**", answer_as_gateway)
    page.goto(f"{visitor.url}/?lang=en#/alerts")
    expect(page.locator(".alert").first).to_be_visible()
    _expect_pictures(page, ".alert img")
    expect(page.locator(".gone")).to_have_count(0)
    assert answered


def test_messages_do_not_pile_up_while_the_session_is_not_known(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    sockets: list[WebSocketRoute] = []
    held: list[Route] = []
    page.route_web_socket("**/live?*", lambda socket: sockets.append(socket))
    page.route("**/api/v1/session", lambda route: held.append(route))
    page.goto(f"{visitor.url}/?lang=en#/")
    wait_until(lambda: page.evaluate("easyaiFirst.socket.readyState") == 1, 15, "it is open")
    for _ in range(200):
        sockets[0].send('{"kind": "delta", "now": {}}')
    wait_until(lambda: page.evaluate("easyaiFirst.socket.readyState") > 1, 15, "it is closed")
    assert page.evaluate("easyaiFirst.events.length") < 100
    held[0].fallback()
    wait_until(lambda: page.evaluate("!window.easyaiFirst") and len(sockets) == 2, 15, "another")


class _Busy:
    """A server that refuses the list of a page, because it has too much to do."""

    def __init__(self, page: Page, path: str) -> None:
        self.asked = 0
        self._page = page
        page.route(re.compile(path), self._refuse)
        page.clock.install()

    def _refuse(self, route: Route) -> None:
        self.asked += 1
        route.fulfill(status=503, json={"error": "too many requests at once"})

    def expect_asked(self, times: int) -> None:
        wait_until(lambda: self._page.evaluate("1") and self.asked >= times, 15, "it is asked")
        assert self.asked == times

    def pass_time(self, ms: int) -> None:
        self._page.clock.run_for(ms)
        self._page.evaluate("1")  # what has been sent meanwhile has arrived here


@pytest.mark.parametrize(
    ("where", "path"), [("alerts", r"/dashboard/alerts\?"), ("cameras", r"/dashboard/cameras$")]
)
def test_server_with_too_much_to_do_is_not_asked_again_for_fifteen_seconds(
    visit: Visit, where: str, path: str
) -> None:
    visitor = visit()
    visitor.expect_faults()
    busy = _Busy(visitor.page, path)
    visitor.page.goto(f"{visitor.url}/?lang=en#/{where}")
    expect(visitor.page.locator(".note")).to_contain_text("too many requests")
    busy.pass_time(_BUSY_MS - 1000)
    busy.expect_asked(1)
    busy.pass_time(_BUSY_MS)
    busy.expect_asked(2)


def test_list_is_not_asked_for_again_while_nobody_looks_at_it(visit: Visit) -> None:
    visitor = visit()
    visitor.expect_faults()
    page = visitor.page
    busy = _Busy(page, r"/dashboard/alerts\?")
    page.goto(f"{visitor.url}/?lang=en#/alerts")
    expect(page.locator(".note")).to_contain_text("too many requests")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, writable: true })")
    busy.pass_time(10 * _BUSY_MS)
    busy.expect_asked(1)
    page.evaluate("document.hidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    busy.expect_asked(2)
    page.keyboard.press("7")
    expect(page.locator(".note")).to_have_count(0)
    busy.pass_time(10 * _BUSY_MS)
    busy.expect_asked(2)
    page.keyboard.press("2")
    busy.expect_asked(3)


def test_waits_after_failures_double_up_to_a_minute_and_a_quarter(visit: Visit) -> None:
    page = visit().open("system")
    found = page.evaluate(
        """async () => {
          const { waitAfter } = await import("/static/js/again.js");
          const times = [1, 2, 3, 9];
          return [0, 503].map((status) => times.map((n) => waitAfter({ status }, n)));
        }"""
    )
    least = [[3000, 6000, 12_000, 60_000], [15_000, 30_000, 60_000, 60_000]]
    for waits, each_least in zip(found, least, strict=True):
        for wait, shortest in zip(waits, each_least, strict=True):
            assert shortest <= wait <= shortest * 1.25


def test_first_failure_of_a_page_does_not_load_anew_because_another_page_had_failed(
    visit: Visit,
) -> None:
    visitor = visit()
    visitor.expect_faults()
    page = visitor.page
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.abort("internetdisconnected")

    page.route(re.compile(r"/pages/(cameras|frames)\.js"), fail)
    page.goto(f"{visitor.url}/?lang=en#/cameras")
    page.evaluate("window.stayed = true")
    expect(page.locator(".note")).to_contain_text("cameras.js")
    page.keyboard.press("4")
    expect(page.locator(".note")).to_contain_text("frames.js")
    page.evaluate("fetch(location.href, { cache: 'no-store' })")  # as the page does before
    assert page.evaluate("window.stayed") is True
    assert len([url for url in asked if "/frames.js" in url]) == 1
