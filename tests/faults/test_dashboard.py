"""A service is killed under an open page of the dashboard, and returns."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import running_chromium
from tests.browser.flood import assert_smooth
from tests.browser.visitor import Visitor
from tests.faults.fleet import Fleet
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside

TYPE = "人数统计"
_RED_MS = 45_000
_GREEN_MS = 30_000
_FLOOD_SEC = 60


@pytest.mark.faults
def test_open_page_turns_red_with_the_cause_when_a_service_dies_and_green_when_it_returns(
    tmp_path: Path,
) -> None:
    with (
        EasyaiProcess(tmp_path).start() as process,
        Fleet(process.url, [TYPE], services=1) as fleet,
        running_chromium() as chromium,
        Visitor(chromium, process.url) as visitor,
    ):
        site = Outside(process.url, process.frames)
        site.put_many(4, TYPE)
        site.wait_for_alerts(TYPE, 1)
        page = visitor.open()
        expect(page.locator(".verdict.ok")).to_be_visible()
        page.evaluate("window.isSamePage = true")

        fleet.kill()
        site.put_many(20, TYPE, first=4)
        red = page.locator(".verdict.bad")
        expect(red).to_be_visible(timeout=_RED_MS)
        expect(red.locator("h1")).to_have_text(re.compile("stood still since"))
        expect(red).to_contain_text(re.compile(r"died: .*nothing answers .*detector-1"))

        fleet.start()
        expect(page.locator(".verdict.ok")).to_be_visible(timeout=_GREEN_MS)
        assert page.evaluate("window.isSamePage")
        assert visitor.faults == []


@pytest.mark.faults
def test_page_stays_smooth_for_a_minute_of_a_hundred_alerts_a_second(tmp_path: Path) -> None:
    with (
        EasyaiProcess(tmp_path).start() as process,
        Fleet(process.url, [TYPE], services=2, delay_sec=0, max_concurrency=16),
        running_chromium() as chromium,
        ExitStack() as visitors,
    ):

        def visit() -> Visitor:
            return visitors.enter_context(Visitor(chromium, process.url))

        assert_smooth(chromium, process, visit, TYPE, _FLOOD_SEC)
