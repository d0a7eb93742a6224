"""The number of alerts above the gallery stays true while alerts come, are reviewed and deleted."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.live_list import delta, of_feed, open_list
from tests.support.waiting import wait_until

_ALERTS = 12  # of the installation, of three cameras
_PART = 8  # alerts that the server counts at once
_NEW = 3
_MANY = 50  # in a message; then it leaves some out
_NEWEST = 1_000_000


class _Count:
    """A server that counts by small parts; the test holds its answers back."""

    def __init__(self, page: Page) -> None:
        self.ids = sorted(of_feed(page, "feed.order.map(([id]) => id)"), reverse=True)
        self.held: list[Route] = []
        page.route("**/dashboard/alerts/count?*", lambda route: self.held.append(route))

    def add(self, *ids: int) -> None:
        """Save alerts."""
        self.ids = sorted((*self.ids, *ids), reverse=True)

    def wait(self, page: Page) -> None:
        """Wait until the page asks for a part."""
        wait_until(lambda: of_feed(page, "true") and self.held, 15, "the page asks for a part")

    def answer(self, page: Page) -> None:
        """Answer a part, as soon as the page asks for it."""
        self.wait(page)
        self._answer(self.held.pop(0))

    def finish(self, page: Page) -> None:
        """Answer all parts."""
        wait_until(lambda: self._is_counted(page), 15, "the page has counted")

    def _is_counted(self, page: Page) -> bool:
        is_counting = of_feed(page, "feed.number.isCounting")
        while self.held:
            self._answer(self.held.pop(0))
        return not is_counting

    def _answer(self, route: Route) -> None:
        (before,) = parse_qs(urlsplit(route.request.url).query).get("before", ["9" * 9])
        below = [number for number in self.ids if number < int(before)]
        last = below[_PART - 1] if len(below) > _PART else None
        route.fulfill(json={"count": len(below[:_PART]), "next": last})


def _show(page: Page, query: str) -> None:
    page.goto(re.sub("#.*", f"#/alerts?{query}", page.url))


def _expect(page: Page, number: str) -> None:
    expect(page.locator(".filters [role=status]")).to_have_text(f"{number} alerts")


def _scroll_down(page: Page) -> None:
    page.set_viewport_size({"width": 600, "height": 400})
    page.evaluate("scrollTo(0, 200)")
    wait_until(lambda: not of_feed(page, "feed.isAtTop"), 10, "the page is scrolled")


@pytest.mark.parametrize("scrolled", [False, True])
@pytest.mark.parametrize("parts", [0, 1])
def test_alerts_that_come_while_a_list_is_counted_count_once(
    visit: Visit, scrolled: bool, parts: int
) -> None:
    page, socket = open_list(visit)
    server = _Count(page)
    assert len(server.ids) == _ALERTS
    _show(page, "reviewed=no")
    server.wait(page)
    if scrolled:
        _scroll_down(page)
    for _ in range(parts):
        server.answer(page)
    server.add(*range(_NEWEST, _NEWEST - _NEW, -1))
    socket.send(delta(2, _NEWEST, _NEW))
    wait_until(
        lambda: of_feed(page, "feed.newer.length + feed.order.length") == _ALERTS + _NEW,
        10,
        "the message was read",
    )
    server.finish(page)
    _expect(page, str(_ALERTS + _NEW))
    if scrolled:
        page.locator(".newer").click()
        expect(page.locator(f'.alert[data-id="{_NEWEST}"]')).to_be_visible()
        _expect(page, str(_ALERTS + _NEW))


def test_alerts_that_wait_above_a_list_count_once(visit: Visit) -> None:
    page, socket = open_list(visit)
    _show(page, "reviewed=no")
    # The former list has the same number: the message must come when this list has been counted.
    counted = f'feed.filter.reviewed === "no" && feed.number.total === {_ALERTS}'
    wait_until(lambda: of_feed(page, counted), 15, "the list is counted")
    _scroll_down(page)
    socket.send(delta(2, _NEWEST, _NEW))
    _expect(page, str(_ALERTS + _NEW))
    page.locator(".newer").click()
    expect(page.locator(f'.alert[data-id="{_NEWEST}"]')).to_be_visible()
    _expect(page, str(_ALERTS + _NEW))


@pytest.mark.parametrize("counted", [False, True])
def test_list_whose_messages_leave_alerts_out_has_a_number_that_it_reaches_at_least(
    visit: Visit, counted: bool
) -> None:
    page, socket = open_list(visit)
    server = _Count(page)
    _show(page, "reviewed=no")
    server.wait(page)
    if counted:
        server.finish(page)
    socket.send(delta(2, _NEWEST, _MANY))
    expect(page.locator(f'.alert[data-id="{_NEWEST}"]')).to_be_visible()
    server.finish(page)
    _expect(page, f"≥ {_ALERTS + _MANY}")


def test_list_is_counted_when_a_message_that_leaves_alerts_out_comes_while_it_loads(
    visit: Visit,
) -> None:
    page, socket = open_list(visit)
    server = _Count(page)
    held: list[Route] = []
    page.route(
        "**/dashboard/alerts?*", lambda route: route.fallback() if held else held.append(route)
    )
    _show(page, "reviewed=no")
    wait_until(lambda: of_feed(page, "feed.isLoading") and held, 10, "the list is on its way")
    server.add(*range(_NEWEST, _NEWEST - _MANY - _NEW, -1))
    socket.send(delta(2, _NEWEST, _MANY))
    server.wait(page)
    server.finish(page)
    _expect(page, str(_ALERTS + _MANY + _NEW))
    held[0].fallback()


def test_marks_change_the_number_of_a_list_that_is_not_reviewed(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("alerts?reviewed=no")
    _expect(page, str(_ALERTS))
    marked = "[feed.order[0][0], feed.order[1][0]]"
    of_feed(page, f'feed.mark({marked}, true, "wang")')
    _expect(page, str(_ALERTS - 2))
    of_feed(page, f'feed.mark({marked}, true, "wang")')  # again
    _expect(page, str(_ALERTS - 2))
    of_feed(page, "{ window.hidden = feed.hide([feed.order[0][0]]); }")
    _expect(page, str(_ALERTS - 2))
    page.evaluate("hidden.shown()")
    of_feed(page, "feed.reload()")
    _expect(page, str(_ALERTS - 2))
    _show(page, "reviewed=yes")
    _expect(page, "2")
    visitor.expect_faults()
    page.route("**/alerts/reviewed", lambda route: route.fulfill(status=503, json={"error": "no"}))
    of_feed(page, f'feed.mark({marked}, false, "wang").catch(() => {{}})')
    _expect(page, "2")
    page.unroute("**/alerts/reviewed")
    of_feed(page, f'feed.mark({marked}, false, "wang")')
    _expect(page, "0")


def test_mark_while_a_list_is_counted_counts_once(visit: Visit) -> None:
    page, _ = open_list(visit)
    server = _Count(page)
    _show(page, "reviewed=no")
    server.answer(page)
    page.route("**/alerts/reviewed", lambda route: route.fulfill(json={"count": 1, "by": "wang"}))
    last = server.ids.pop()
    of_feed(page, f'feed.mark([{last}], true, "wang")')
    server.finish(page)
    _expect(page, str(_ALERTS - 1))


@pytest.mark.parametrize("query", ["", "&reviewed=no"])
def test_hidden_alert_lowers_the_number_of_the_lists_that_it_belongs_to(
    visit: Visit, query: str
) -> None:
    page, _ = open_list(visit)
    _show(page, "task_id=Dock+4")
    _expect(page, "4")
    of_feed(page, "{ window.hidden = feed.hide([feed.order[0][0]]); }")
    _expect(page, "3")
    _show(page, f"task_id=门口2{query}")
    _expect(page, "4")
    _show(page, f"task_id=Dock+4{query}")
    _expect(page, "3")
    page.evaluate("hidden.shown()")
    _expect(page, "4")


def test_deleted_alerts_lower_the_number_once_when_the_message_is_faster_than_the_answer(
    visit: Visit,
) -> None:
    page, socket = open_list(visit)
    socket.send(delta(2, _ALERTS, 0))
    _expect(page, str(_ALERTS))
    of_feed(page, "{ window.hidden = feed.hide(feed.order.slice(0, 9).map(([id]) => id)); }")
    _expect(page, str(_ALERTS - 9))
    socket.send(delta(3, _ALERTS - 9, 0))  # the server has deleted them, and did not answer yet
    wait_until(lambda: of_feed(page, "feed.number.total") == 0, 10, "the message arrived")
    page.evaluate("hidden.gone()")
    _expect(page, str(_ALERTS - 9))


def test_undo_while_another_list_loads_leaves_the_list_in_order(visit: Visit) -> None:
    page, _ = open_list(visit)
    of_feed(page, "{ window.hidden = feed.hide([feed.order[3][0]]); }")
    held: list[Route] = []
    page.route("**/dashboard/alerts?*", lambda route: held.append(route))
    _show(page, "min_detections=0")
    wait_until(lambda: of_feed(page, "feed.isLoading") and held, 10, "the list is on its way")
    page.evaluate("hidden.shown()")
    held[0].fallback()
    _expect(page, str(_ALERTS))
    ids = of_feed(page, "feed.order.map(([id]) => id)")
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == _ALERTS


def test_alerts_that_were_deleted_before_a_deletion_failed_do_not_come_back(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("alerts")
    visitor.expect_faults()
    ids: list[list[int]] = []

    def refuse_second(route: Route) -> None:
        ids.append(json.loads(route.request.post_data or "{}")["ids"])
        answer = {"status": 503} if len(ids) > 1 else {"json": {"count": 1, "left": False}}
        route.fulfill(**answer)

    page.route("**/alerts/delete", refuse_second)
    page.locator(".alert").first.wait_for()
    page.evaluate(
        """import("/static/js/pages/alert_selection.js").then(({ deletePicked }) =>
          import("/static/js/feed.js").then(({ feed }) => {
            const picked = feed.order.slice(0, 3).map(([id]) => id);
            return deletePicked(feed, { ids: picked, clear() {} }, 2);
          }))"""
    )
    assert [len(group) for group in ids] == [2, 1]
    left = of_feed(page, "feed.order.map(([id]) => id)")
    assert set(ids[0]).isdisjoint(left)
    assert set(ids[1]) <= set(left)
