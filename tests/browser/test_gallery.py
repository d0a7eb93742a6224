"""The gallery of an installation with a hundred thousand alerts."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Set
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import TYPE, Visit
from tests.browser.smoothness import LONGEST_MS, watched
from tests.browser.visitor import LAPTOP as SCREEN
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside
from tests.support.waiting import wait_until

_ALERTS = 100_000
_SETTINGS = "[ai_analysis]\nmax_alerts_in_db = 0\n"
_PICTURES = 300  # of the newest alerts; the older ones have lost theirs
_CAMERAS = 40
_SELDOM = 10_000  # how seldom a service has an alert
_EVERY_SEC = 7  # between two alerts: they go back for eight days
_SCREENS = 12  # several parts of the list
_PAGE = 100  # alerts of a request
_A_FEW_ROWS = 20  # alerts
_MOST_ELEMENTS = 2500
_LOOK_MS = 200  # a person looks at a screen for longer
_KEYS = 15
_ROWS = 30
_INSERT = """
    INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name, result,
                        confidence, detection_count, inference_time_ms, created_at, updated_at)
    VALUES (?, ?, ?, ?, 'counter', ?, 0.9, 2, 45, ?, ?)
"""
_RESULT = """{"total_count": 2, "detections": [
    {"class": "person", "bbox": [10, 10, 90, 200], "confidence": 0.9},
    {"class": "person", "bbox": [120, 40, 180, 210], "confidence": 0.7}]}"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EasyaiProcess]:
    """A running ``easyai up`` that has found something for eight days."""
    folder = tmp_path_factory.mktemp("gallery")
    with EasyaiProcess(folder, _SETTINGS, forked=True) as process:
        process.start()
        site = Outside(process.url, process.frames)
        pictures = [f"alerts/{TYPE}/camera/{number}.jpg" for number in range(_PICTURES)]
        for number, picture in enumerate(pictures):
            site.put(picture, jpeg(number))
        now = time.time()
        rows = []
        for ago in range(_ALERTS, 0, -1):
            picture = pictures[ago - 1] if ago <= _PICTURES else ""
            at = now - ago * _EVERY_SEC
            service = "rare" if ago % _SELDOM == 0 else "yolo_1"
            rows.append((f"门口{ago % _CAMERAS}", TYPE, picture, service, _RESULT, at, at))
        with sqlite3.connect(process.data / "easyai.db", timeout=30) as database:
            database.executemany(_INSERT, rows)
        database.close()
        yield process


#: The ids of the cards on the screen, and how many elements the page has.
_LOOK = """
  () => {
    const isSeen = (card) => {
      const { top, bottom } = card.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    };
    const cards = [...document.querySelectorAll(".alert")].filter(isSeen);
    const ids = cards.map((card) => +card.dataset.id);
    return { ids, elements: document.querySelectorAll("*").length };
  }
"""


def _is_scrolled(page: Page, height: float) -> bool:
    """Turn the wheel as far as the list goes, which is longer once its next part has arrived."""
    missing = height - float(page.evaluate("scrollY"))
    if missing > 1:
        page.mouse.wheel(0, missing)
    return missing <= 1


def _look(page: Page, height: float, seen: Set[int]) -> dict[str, Any]:
    """What a screen at a height shows, once it has cards that were not seen before."""
    wait_until(lambda: _is_scrolled(page, height), 30, "the page is scrolled", every=0.2)
    wait_until(lambda: set(page.evaluate(_LOOK)["ids"]) - seen, 15, "the cards of the screen")
    page.wait_for_timeout(_LOOK_MS)
    look: dict[str, Any] = page.evaluate(_LOOK)
    return look


def test_hundred_thousand_alerts_are_scrolled_without_a_long_task_or_a_large_page(
    chromium: Browser, visit: Visit
) -> None:
    visitor = visit()
    page = visitor.open("alerts")
    expect(page.locator(".filters")).to_contain_text("100,000 alerts")
    expect(page.locator(".alert img").first).to_be_visible()
    visitor.keep("gallery-en-light")
    seen: set[int] = set()
    most = 0
    with watched(chromium) as tasks:
        for screen in range(1, _SCREENS + 1):
            look = _look(page, screen * SCREEN[1], seen)
            seen |= set(look["ids"])
            most = max(most, look["elements"])
    assert tasks.longest_ms < LONGEST_MS
    assert most < _MOST_ELEMENTS
    assert len(seen) > 2 * _PAGE
    assert seen == set(range(min(seen), max(seen) + 1)), "cards are missing"


def test_alerts_of_a_filter_that_no_index_knows_are_shown_and_counted_up_to_a_thousand(
    visit: Visit,
) -> None:
    page = visit().open("alerts")
    empty = page.locator(".empty")
    for chosen, number in (
        ("algorithm_id=rare", "10 alerts"),  # none of them is in the first parts of the list
        ("min_confidence=0.5", "≥ 1,000 alerts"),
        ("reviewed=no&min_confidence=0.95", "0 alerts"),
    ):
        page.evaluate("(chosen) => (location.hash = `#/alerts?${chosen}`)", chosen)
        expect(page.locator(".filters [role=status]")).to_have_text(number)
        if chosen == "algorithm_id=rare":
            expect(page.locator(".alert").first).to_be_visible()
        expect(empty).to_have_count(int(number == "0 alerts"))


@pytest.mark.parametrize(
    ("below", "key", "name", "step"),
    [(_PAGE - 5, "ArrowRight", "Older", -1), (3 * _PAGE, "ArrowLeft", "Newer", 1)],
)
def test_arrow_keys_go_on_beyond_the_part_of_the_list_that_is_loaded(
    visit: Visit, below: int, key: str, name: str, step: int
) -> None:
    page = visit().open("alerts")
    newest = int(page.locator(".alert").first.get_attribute("data-id") or 0)
    at = newest - below
    page.evaluate("(id) => (location.hash = `#/alerts/${id}`)", at)
    expect(page.locator("dl.facts")).to_contain_text(str(at))
    for _ in range(_KEYS):
        expect(page.get_by_role("button", name=name)).to_be_enabled()
        page.keyboard.press(key)
        at += step
        expect(page).to_have_url(re.compile(rf"#/alerts/{at}$"))
        expect(page.locator("dl.facts")).to_contain_text(str(at))


def _focused(page: Page) -> int:
    """The id of the alert that has the focus; 0: none."""
    return int(page.evaluate("document.activeElement.closest('.alert')?.dataset.id ?? 0"))


#: Where the focused card is: {left, top, seen: whether the whole card can be seen}.
_PLACE = """
  () => {
    const { left, top, bottom } = document.activeElement.closest(".alert").getBoundingClientRect();
    const bar = document.querySelector(".bar").getBoundingClientRect().bottom;
    return { left, top: top + scrollY, seen: top >= bar && bottom <= innerHeight };
  }
"""


def _press(page: Page, key: str) -> int:
    """Press a key that moves the focus; the id of the alert that gets the focus."""
    page.locator(".alert").first.wait_for()
    before = _focused(page)
    page.keyboard.press(key)
    return wait_until(lambda: _focused(page) not in (0, before) and _focused(page), 15, key)


def test_arrow_keys_move_the_focus_in_the_gallery_which_follows(visit: Visit) -> None:
    page = visit().open("alerts")
    newest = int(page.locator(".alert").first.get_attribute("data-id") or 0)
    assert _press(page, "ArrowDown") == newest
    assert [_press(page, key) for key in ("ArrowRight", "j", "ArrowLeft", "k")] == [
        newest - 1,
        newest - 2,
        newest - 1,
        newest,
    ]
    first = page.evaluate(_PLACE)
    before = first
    for _ in range(_ROWS):
        _press(page, "ArrowDown")
        place = page.evaluate(_PLACE)
        assert place["seen"]
        assert place["left"] == first["left"]
        assert place["top"] > before["top"]
        before = place
    assert newest - _focused(page) > _PAGE
    at = _press(page, "ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("dl.facts")).to_contain_text(str(at))
    page.keyboard.press("Escape")
    wait_until(lambda: _focused(page) == at, 15, "the alert that was visited has the focus")
    page.keyboard.press("?")
    for where in ("On every page", "In the gallery of alerts", "On an opened alert"):
        expect(page.get_by_role("dialog")).to_contain_text(where)


@pytest.mark.parametrize("key", ["ArrowDown", "ArrowRight"])
def test_arrow_key_at_the_end_of_the_list_moves_the_focus_when_the_next_part_arrives(
    visit: Visit, key: str
) -> None:
    visitor = visit()
    held: list[Route] = []
    visitor.page.route("**/dashboard/alerts?*before=*", lambda route: held.append(route))
    page = visitor.open("alerts")
    at = _press(page, "ArrowDown")
    oldest = at - _PAGE + 1
    while at > oldest:
        at = _press(page, "ArrowDown" if at - oldest > _A_FEW_ROWS else "ArrowRight")
    page.keyboard.press(key)
    assert _focused(page) == oldest
    held[0].fallback()
    wait_until(lambda: 0 < _focused(page) < oldest, 15, "an alert of the next part has the focus")


def test_focused_alert_is_reviewed_and_deleted_with_undo(visit: Visit) -> None:
    page = visit().open("alerts")
    first = _press(page, "ArrowDown")
    second = _press(page, "r")
    expect(page.locator(f'.alert.seen[data-id="{first}"]')).to_be_visible()
    third = _press(page, "Delete")
    assert (second, third) == (first - 1, first - 2)
    deleted = page.locator(f'.alert[data-id="{second}"]')
    expect(deleted).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(deleted).to_be_visible()
    wait_until(lambda: _focused(page) == second, 15, "the alert has the focus again")


#: Forgets an item of the list, as the page does with items far from the screen.
_FORGET = """
  (id) => import("/static/js/feed.js").then(({ feed }) => feed.items.delete(id) && feed.changed())
"""


def test_focus_does_not_move_after_the_visitor_has_gone_on(visit: Visit) -> None:
    page = visit().open("alerts")
    first = _press(page, "ArrowDown")
    late = page.locator(f'.alert[data-id="{first - 1}"]')
    page.evaluate(_FORGET, first - 1)
    page.keyboard.press("ArrowRight")
    page.mouse.wheel(0, 300)
    expect(late).to_be_attached()
    assert _focused(page) == first

    page.keyboard.press("Enter")
    expect(page.locator("dl.facts")).to_contain_text(str(first))
    page.keyboard.press("7")
    expect(page.get_by_role("region", name="Elsewhere")).to_be_visible()
    page.keyboard.press("2")
    expect(late).to_be_attached()
    assert _focused(page) == 0


def test_focus_does_not_go_to_an_alert_that_the_list_gets_later(visit: Visit) -> None:
    page = visit().open("alerts")
    far = int(page.locator(".alert").first.get_attribute("data-id") or 0) - _PAGE - 20
    page.evaluate("(id) => (location.hash = `#/alerts/${id}`)", far)
    page.reload()  # the list begins with the newest alerts
    expect(page.locator("dl.facts")).to_contain_text(str(far))
    page.keyboard.press("Escape")
    expect(page.locator(".alert").first).to_be_visible()
    while not page.locator(f'.alert[data-id="{far}"]').count():
        _look(page, float(page.evaluate("scrollY")) + SCREEN[1], set())
    assert _focused(page) == 0


def test_keys_change_no_alert_that_is_not_seen(visit: Visit) -> None:
    page = visit().open("alerts")
    card = page.locator(f'.alert[data-id="{_press(page, "ArrowDown")}"]')
    before = card.get_attribute("class") or ""
    for key in ("Delete", "r"):
        _look(page, SCREEN[1], set())
        page.keyboard.press(key)
        wait_until(lambda: page.evaluate(_PLACE)["seen"], 15, "the card is on the screen")
        expect(card).to_have_class(before)
    page.keyboard.press("r")
    expect(card).not_to_have_class(before)


def test_keys_act_on_the_selection_while_there_is_one(visit: Visit) -> None:
    page = visit().open("alerts")
    picked = []
    for _ in range(2):
        picked.append(_press(page, "ArrowRight"))
        page.keyboard.press("x")
    other = _press(page, "ArrowRight")
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 alerts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("r")
    for alert in picked:
        expect(page.locator(f'.alert.seen[data-id="{alert}"]')).to_be_visible()
    expect(page.locator(".bulk")).to_have_count(0)
    expect(page.locator(f'.alert:not(.seen)[data-id="{other}"]')).to_be_visible()


def test_deleted_alert_stays_away_when_the_list_is_read_again_before_its_deletion(
    visit: Visit,
) -> None:
    page = visit().open("alerts")
    newest = _press(page, "ArrowDown")
    page.keyboard.press("Delete")
    with page.expect_response("**/dashboard/alerts?*"):
        page.get_by_role("button", name="中文").click()  # the whole state, in other words
    expect(page.locator(f'.alert[data-id="{newest - 1}"]')).to_be_visible()
    expect(page.locator(".filters")).to_contain_text("99,999 条告警")
    assert page.locator(f'.alert[data-id="{newest}"]').count() == 0
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.alert[data-id="{newest}"]')).to_be_visible()
    expect(page.locator(".filters")).to_contain_text("100,000 条告警")
