"""The pages stay smooth and small while alerts arrive in masses."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import TYPE, Visit
from tests.browser.flood import assert_smooth
from tests.browser.live_list import A_MESSAGE, delta, newest_shown, of_feed, open_list, state
from tests.browser.visitor import Visitor
from tests.support.easyai_process import EasyaiProcess
from tests.support.waiting import wait_until

_SECONDS = 3  # tests/faults/test_dashboard.py looks for a minute
_MESSAGES = 100
_MOST_LISTED = 2000
_MOST_NEWER = 500
_MANY = 50  # from that number on


def test_list_that_is_left_open_for_hours_does_not_grow(visit: Visit) -> None:
    page, socket = open_list(visit)
    socket.send(json.dumps(state(newest_shown(page))))
    number = 1_000_000
    for seq in range(2, 2 + _MESSAGES):
        number += A_MESSAGE
        socket.send(delta(seq, number))
        if seq == 2:  # the gallery is there
            page.locator(f'.alert[data-id="{number}"]').wait_for()
    page.locator(f'.alert[data-id="{number}"]').wait_for()
    listed = of_feed(page, "[feed.order.length, feed.items.size, feed.next]")
    assert listed[0] == _MOST_LISTED
    assert listed[1] <= 3000 + A_MESSAGE
    assert listed[2] == number - _MOST_LISTED + 1  # what was cut off is loaded again by scrolling


def test_list_does_not_grow_while_the_visitor_looks_at_another_page(visit: Visit) -> None:
    page, socket = open_list(visit)
    newest = newest_shown(page)
    socket.send(json.dumps(state(newest)))
    page.keyboard.press("7")
    page.locator(".alert").first.wait_for(state="detached")
    number = 1_000_000
    for seq in range(2, 2 + _MESSAGES):
        number += A_MESSAGE
        socket.send(delta(seq, number))
    wait_until(lambda: of_feed(page, "feed.newer[0]?.id") == number, 30, "all messages were read")
    assert of_feed(page, "feed.newer.length") == _MOST_NEWER
    page.keyboard.press("2")  # the list begins anew, with what the server has
    page.locator(f'.alert[data-id="{newest}"]').wait_for()
    assert of_feed(page, "feed.newer.length") == 0


def test_open_list_begins_anew_when_a_restored_backup_lacks_its_newest_alert(visit: Visit) -> None:
    page, socket = open_list(visit)
    newest = newest_shown(page)
    socket.send(json.dumps(state(newest)))
    socket.send(delta(2, 1_000_000))
    page.locator('.alert[data-id="1000000"]').wait_for()
    page.evaluate("scrollTo(0, 200)")
    wait_until(lambda: not of_feed(page, "feed.isAtTop"), 10, "the page is scrolled")
    socket.send(json.dumps(state(newest)))
    wait_until(lambda: of_feed(page, "feed.hasGap"), 10, "the state was read")
    page.evaluate("scrollTo(0, 0)")  # it does not begin anew under the visitor's hands
    page.locator('.alert[data-id="1000000"]').wait_for(state="detached")
    assert newest_shown(page) == newest


def test_alerts_of_a_pause_are_not_left_out_of_a_list_that_is_scrolled_down(visit: Visit) -> None:
    page, socket = open_list(visit)
    newest = newest_shown(page)
    socket.send(delta(2, 1_000_000))
    page.locator('.alert[data-id="1000000"]').wait_for()
    page.evaluate("scrollTo(0, 200)")
    wait_until(lambda: not of_feed(page, "feed.isAtTop"), 10, "the page is scrolled")
    socket.send(json.dumps(state(2_000_000)))
    socket.send(delta(3, 2_000_000 + A_MESSAGE))
    page.locator(".newer").click()
    # The list began anew, with what the server has.
    expect(page.locator(".alert").first).to_have_attribute("data-id", str(newest))


def test_cut_list_has_no_gap_although_an_older_part_was_on_its_way(visit: Visit) -> None:
    page, socket = open_list(visit)
    newest = newest_shown(page)
    socket.send(json.dumps(state(newest)))
    number = 1_000_000
    held: list[Route] = []
    page.route("**/dashboard/alerts?*before=*", lambda route: held.append(route))
    # As at the end of the list: the next part is asked for, and the answer takes its time.
    of_feed(page, f"void ((feed.next = {newest}), feed.more())")
    wait_until(lambda: of_feed(page, "true") and held, 10, "the older part is on its way")
    for seq in range(2, 2 + _MESSAGES):
        number += A_MESSAGE
        socket.send(delta(seq, number))
    wait_until(lambda: of_feed(page, "feed.order[0][0]") == number, 30, "all messages were read")
    with page.expect_response("**/dashboard/alerts?*before=*") as answer:
        held[0].fallback()
    answer.value.finished()
    listed = of_feed(page, "[feed.order.length, feed.next, feed.order.at(-1)[0]]")
    assert listed == [_MOST_LISTED, number - _MOST_LISTED + 1, number - _MOST_LISTED + 1]


def test_alerts_that_arrive_while_the_list_loads_are_in_the_list(visit: Visit) -> None:
    page, socket = open_list(visit)
    newest = newest_shown(page)
    held: list[Route] = []
    page.route("**/dashboard/alerts?*", lambda route: held.append(route))
    of_feed(page, "void feed.reload()")
    wait_until(lambda: of_feed(page, "feed.isLoading") and held, 10, "the list is on its way")
    socket.send(delta(2, 1_000_000))
    wait_until(lambda: of_feed(page, "feed.newer.length") == A_MESSAGE, 10, "the message was read")
    held[0].fallback()
    page.locator('.alert[data-id="1000000"]').wait_for()
    assert of_feed(page, f"feed.order[{A_MESSAGE}][0]") == newest


def test_flood_while_the_list_loads_leaves_no_gap(visit: Visit) -> None:
    page, socket = open_list(visit)
    held: list[Route] = []
    page.route("**/dashboard/alerts?*", lambda route: held.append(route))
    of_feed(page, "void feed.reload()")
    wait_until(lambda: of_feed(page, "feed.isLoading") and held, 10, "the list is on its way")
    socket.send(delta(2, 1_000_000, _MANY))
    page.locator('.alert[data-id="1000000"]').wait_for()
    assert of_feed(page, "[feed.order.length, feed.next]") == [_MANY, 1_000_000 - _MANY + 1]
    held[0].fallback()  # what was on its way no longer counts
    page.wait_for_timeout(500)
    assert of_feed(page, "feed.order.length") == _MANY


def _is_shown(page: Page, camera: str) -> bool:
    """Whether the list of a camera is open and has arrived."""
    shown: bool = of_feed(page, f"feed.filter.task_id === {camera!r} && feed.order.length > 0")
    return shown


def test_flood_of_other_cameras_does_not_empty_a_list(visit: Visit) -> None:
    page, socket = open_list(visit)
    page.goto(re.sub("#.*", "#/alerts?task_id=Dock%204", page.url))
    wait_until(lambda: _is_shown(page, "Dock 4"), 15, "the alerts of the camera are shown")
    newest = newest_shown(page)
    with page.expect_response("**/dashboard/alerts?*before=*"):  # the list is asked for again
        socket.send(delta(2, 1_000_000, _MANY))
    expect(page.locator(".alert").first).to_have_attribute("data-id", str(newest))


def test_deleted_alert_lowers_the_number_of_alerts_that_a_busy_camera_has_at_least(
    visit: Visit,
) -> None:
    page, _ = open_list(visit)
    of_feed(page, "{ feed.number.total = null; feed.number.least = 5000; feed.changed(); }")
    expect(page.locator(".filters")).to_contain_text("≥ 5,000 alerts")
    of_feed(page, "{ window.hidden = feed.hide([feed.order[0][0], feed.order[1][0]]); }")
    expect(page.locator(".filters")).to_contain_text("≥ 4,998 alerts")
    page.evaluate("hidden.shown()")
    expect(page.locator(".filters")).to_contain_text("≥ 5,000 alerts")


# The last test: its frames are inferred while the next tests run, and the server then deletes the
# oldest of more than a thousand alerts, with which the other tests begin.
def test_frames_at_a_hundred_a_second_leave_the_page_smooth(
    chromium: Browser, installation: EasyaiProcess, visit: Visit
) -> None:
    def visit_while_alerts_go() -> Visitor:
        visitor = visit()
        visitor.expect_missing_pictures()  # of the alerts that the server deletes
        return visitor

    assert_smooth(
        chromium,
        installation,
        visit_while_alerts_go,
        TYPE,
        _SECONDS,
        frames_per_sec=100,
        least_per_sec=20,
    )
