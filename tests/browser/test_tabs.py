"""Ten tabs of a browser at the same time, whose API stops; and a tab that the server refuses."""

from __future__ import annotations

import os
import signal
import time

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import TYPE, Visit
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside
from tests.support.waiting import wait_until

_TABS = 10
_SHOWN_SEC = 2.0  # after its frame
_TRIES = 5  # other programs only make it later: the quickest alert counts
_STOP_SEC = 5.0
_FAR_MS = 30_000
_REFUSED = 3
_DEAD_MS = 13_000  # without a message, until a connection is given up
#: Notes when an alert of a camera is on the page.
_WATCH = """
  (camera) => {
    window.seenAt = 0;
    new MutationObserver(() => {
      const names = [...document.querySelectorAll(".alert b")].map((name) => name.textContent);
      if (!window.seenAt && names.includes(camera)) window.seenAt = Date.now() / 1000;
    }).observe(document.body, { childList: true, subtree: true });
  }
"""


def _latest_sec(tabs: list[Page], site: Outside, camera: str) -> float:
    """How long after its frame the last tab has shown its alert."""
    for tab in tabs:
        tab.evaluate(_WATCH, camera)
    at = time.time()
    site.put(f"{TYPE}/{camera}/a.jpg", jpeg())
    for tab in tabs:
        expect(tab.locator(".alert", has_text=camera)).to_be_visible(timeout=_FAR_MS)
    return max(float(tab.evaluate("window.seenAt")) for tab in tabs) - at


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "too many dashboard tabs"), ("zh", "标签页过多")]
)
def test_tab_that_the_server_refuses_says_why(visit: Visit, lang: str, words: str) -> None:
    visitor = visit(lang=lang)
    sockets: list[WebSocketRoute] = []

    def refuse_first(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) <= _REFUSED:
            socket.close(code=1013, reason="too many tabs")
        else:
            socket.connect_to_server()

    visitor.page.route_web_socket("**/live?*", refuse_first)
    visitor.page.goto(f"{visitor.url}/?lang={lang}#/")
    expect(visitor.page.locator(".verdict.idle h1")).to_contain_text(words)
    expect(visitor.page.locator(".verdict:not(.idle) h1")).to_be_visible(timeout=_FAR_MS)


def test_tab_that_the_server_refused_says_that_the_network_is_dead(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.clock.install()
    silent: list[WebSocketRoute] = []
    refuses = True

    def refuse_or_be_silent(socket: WebSocketRoute) -> None:
        if refuses:
            socket.close(code=1013, reason="too many tabs")
        else:
            silent.append(socket)

    page.route_web_socket("**/live?*", refuse_or_be_silent)
    page.goto(f"{visitor.url}/?lang=en#/")
    sentence = page.locator(".verdict.idle h1")
    expect(sentence).to_contain_text("too many dashboard tabs")
    refuses = False
    wait_until(lambda: page.evaluate("1") and silent, 15, "the tab tries again")
    page.clock.run_for(_DEAD_MS)
    expect(sentence).to_contain_text("does not answer")


def test_ten_tabs_show_an_alert_within_two_seconds_and_go_on_after_a_restart_of_the_api(
    visit: Visit, site: Outside, installation: EasyaiProcess
) -> None:
    visitor = visit()
    tabs = [visitor.open("alerts")]
    for _ in range(_TABS - 1):
        tabs.append(visitor.page.context.new_page())
        tabs[-1].goto(visitor.page.url)
    for tab in tabs:
        expect(tab.locator("header")).to_contain_text("Live")
        tab.evaluate("window.stayed = true")
    took: list[float] = []
    while not took or (min(took) > _SHOWN_SEC and len(took) < _TRIES):
        took.append(_latest_sec(tabs, site, f"tabs {len(took)}"))
    assert min(took) <= _SHOWN_SEC, took

    visitor.expect_faults()
    stopped = wait_until(lambda: installation.child("api"), 10, "the API runs")
    begun = time.monotonic()
    os.kill(stopped, signal.SIGTERM)
    wait_until(lambda: stopped not in installation.processes(), 30, "the API has ended")
    assert time.monotonic() - begun < _STOP_SEC
    installation.wait_for_child("api", other_than=stopped)
    assert _latest_sec(tabs, site, "after") < _FAR_MS / 1000
    assert all(tab.evaluate("window.stayed") for tab in tabs)
    for tab in tabs:
        expect(tab.locator(".pill")).not_to_contain_text("Not known", timeout=_FAR_MS)
