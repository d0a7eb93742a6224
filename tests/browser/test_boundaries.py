"""A part of the page breaks by an error of its own."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import CAMERAS, Visit


@pytest.mark.parametrize("by", ["itself", "the button"])
def test_part_of_the_page_that_breaks_leaves_the_rest_and_comes_back(visit: Visit, by: str) -> None:
    visitor = visit()
    visitor.expect_faults()
    page = visitor.page
    page.add_init_script("delete window.ResizeObserver")
    page.goto(f"{visitor.url}/?lang=en#/")
    expect(page.locator(".panel .note")).to_contain_text("ResizeObserver is not defined")
    expect(page.locator(".panel .note")).to_have_count(1)
    expect(page.locator(".verdict:not(.idle) h1")).to_be_visible()
    expect(page.locator(".tile img")).to_have_count(len(CAMERAS))
    if by == "the button":  # nothing comes back by itself while nobody looks
        page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    page.evaluate("void (window.ResizeObserver = class { observe() {} disconnect() {} })")
    if by == "the button":
        page.locator(".panel .note button").click()
    expect(page.locator(".chart canvas").first).to_be_visible()
    expect(page.locator(".panel .note")).to_have_count(0)


def test_error_of_an_alert_does_not_hide_the_gallery(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("alerts")
    page.locator(".alert").first.wait_for()
    visitor.expect_faults()

    def with_error(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=json.dumps({**answer.json(), "endpoint": "\ud800"}))

    page.route(re.compile(r"/dashboard/alerts/\d+"), with_error)
    page.keyboard.press("Enter")
    expect(page.locator(".note")).to_contain_text("URI malformed")
    page.go_back()
    expect(page.locator(".alert").first).to_be_visible()
    expect(page.locator(".note")).to_have_count(0)
