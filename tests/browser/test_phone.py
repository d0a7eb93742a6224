"""The first visit with a slow phone, in the city's slow network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

from bench.others import Others, is_noisy
from tests.support.easyai_process import EasyaiProcess
from tests.support.waiting import wait_until

_USABLE_MS = 1500
#: Other programs only make a visit slower: the quickest counts. Where they took much of the CPU in
#: every visit, only a wide limit can be kept.
_TRIES = 6
_BUSY_MS = 3 * _USABLE_MS
_TAP_MS = 200
_WIDTH, _HEIGHT = 360, 740
_NETWORK = {
    "offline": False,
    "latency": 150,  # ms until the answer begins
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 0.75e6 / 8,
}
_CPU = {"rate": 4}  # times slower
#: Notes when the sentence is on the page, and how long a tap takes until it shows.
_WATCH = """
  new MutationObserver(() => {
    if (!window.sentenceMs && document.querySelector(".verdict:not(.idle) h1"))
      window.sentenceMs = performance.now();
  }).observe(document, { childList: true, subtree: true, attributes: true });
  addEventListener("hashchange", (event) => {
    requestAnimationFrame(() => {
      const tab = document.querySelector("nav [aria-current=page]");
      window.tap = { ms: performance.now() - event.timeStamp, shown: tab.getAttribute("href") };
    });
  });
"""


def test_slow_phone_shows_the_sentence_and_answers_a_tap_within_one_and_a_half_seconds(
    chromium: Browser, installation: EasyaiProcess
) -> None:
    visits: list[float] = []
    limit = _BUSY_MS
    while not visits or (min(visits) > _USABLE_MS and len(visits) < _TRIES):
        with _phone(chromium) as page:
            others = Others()
            page.goto(f"{installation.url}/?lang=en#/", wait_until="commit")
            expect(page.locator(".verdict:not(.idle) h1")).to_be_visible()
            if not is_noisy(others.cores()):
                limit = _USABLE_MS
            visits.append(page.evaluate("window.sentenceMs"))
            page.get_by_role("link", name="Alerts").first.tap()
            expect(page.locator("nav [aria-current=page]")).to_have_attribute("href", "#/alerts")
            tap = wait_until(lambda: page.evaluate("window.tap"), 15, "the tap was shown")
    print(f"sentence after {min(visits):.0f} ms, a tap shown after {tap['ms']:.0f} ms")
    assert min(visits) <= limit, visits
    assert tap["shown"] == "#/alerts"
    assert tap["ms"] < _TAP_MS * limit / _USABLE_MS


@contextmanager
def _phone(chromium: Browser) -> Iterator[Page]:
    """A page of a phone that has never been here."""
    context = chromium.new_context(
        viewport={"width": _WIDTH, "height": _HEIGHT},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    slow = context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send("Network.emulateNetworkConditions", _NETWORK)
    slow.send("Emulation.setCPUThrottlingRate", _CPU)
    page.add_init_script(_WATCH)
    yield page
    context.close()
