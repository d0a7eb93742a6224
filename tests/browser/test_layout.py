"""Nothing of a page covers, cuts or leaves out what a person needs, on a laptop and a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.browser.conftest import CAMERAS, TYPE, Visit
from tests.browser.visitor import PHONE
from tests.support.outside import Outside

_LAPTOP = (1280, 800)
_SCREENS = [("en", "light", _LAPTOP), ("zh", "dark", PHONE)]
_MOST_OPEN = 20  # task types of the queues


def _is_apart(one: Locator, other: Locator) -> bool:
    a, b = one.bounding_box(), other.bounding_box()
    assert a is not None
    assert b is not None
    return (
        a["x"] + a["width"] <= b["x"]
        or b["x"] + b["width"] <= a["x"]
        or a["y"] + a["height"] <= b["y"]
        or b["y"] + b["height"] <= a["y"]
    )


def _toast(page: Page) -> Locator:
    """The note of a deletion with its button Undo."""
    page.evaluate(
        """async () => (await import("/static/js/store.js")).toast("Alert deleted", "Undo")"""
    )
    expect(page.locator(".toast")).to_be_visible()
    return page.locator(".toast")


# Lower than a laptop's screen: the alerts of the tests are few, and the bar stays at the edge.
@pytest.mark.parametrize(("lang", "size"), [("en", (1280, 500)), ("zh", PHONE)])
def test_toast_and_the_bar_of_a_selection_do_not_cover_each_other(
    visit: Visit, lang: str, size: tuple[int, int]
) -> None:
    visitor = visit(lang=lang, size=size)
    page = visitor.open("alerts")
    boxes, bar = page.locator(".alert .pick input"), page.locator(".bulk")
    toast = _toast(page)
    without = toast.bounding_box()
    boxes.nth(0).click(force=True)
    expect(bar).to_be_visible()
    assert _is_apart(toast, bar), "the bar came after the toast"
    boxes.nth(1).click(force=True)
    page.evaluate("scrollTo(0, 1e6)")
    toast = _toast(page)
    visitor.keep(f"toast-{lang}")
    assert _is_apart(toast, bar), "the toast came after the bar"
    assert _is_apart(toast, page.locator(".tabs"))
    page.keyboard.press("Escape")
    expect(bar).to_have_count(0)
    assert toast.bounding_box() == without


@pytest.mark.parametrize(("lang", "theme", "size"), _SCREENS)
def test_title_of_the_diagnosis_is_whole(
    visit: Visit, lang: str, theme: str, size: tuple[int, int]
) -> None:
    visitor = visit(lang=lang, theme=theme, size=size)
    page = visitor.open("incidents/now")
    expect(page.locator(".report")).to_be_visible()
    visitor.keep(f"diagnosis-{lang}")
    assert page.locator("h1").evaluate("(title) => title.scrollWidth <= title.clientWidth")


#: How many pixels the bar is wider than the screen for somebody who is logged in.
_BAR = """
  async (change) => {
    const { peek, put } = await import("/static/js/store.js");
    const { now, session } = peek();
    const who = { role: "viewer", name: "N".repeat(64), local: false, csrf: "x" };
    const person = { ...session, ...who };
    const verdict = { ...now.verdict, state: "warn" };
    put({ session: person, now: { ...now, verdict }, ...change });
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    const bar = document.querySelector(".bar");
    return [bar.innerText, bar.scrollWidth - innerWidth];
  }
"""


def _live_until_held(page: Page) -> list[bool]:
    """Let messages pass until the list has an item: the next would change what is measured."""
    is_held: list[bool] = []

    def pass_on(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if is_held else socket.send(message))

    page.route_web_socket("**/live?*", pass_on)
    return is_held


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"connection": "live"}, "Inferring, with trouble"),
        ({"connection": "silent"}, "Reconnecting"),
        ({"hasPlace": False}, "Too many tabs"),
    ],
)
def test_bar_fits_every_screen(visit: Visit, change: dict[str, Any], words: str) -> None:
    visitor = visit(size=(1366, 568))
    is_held = _live_until_held(visitor.page)
    page = visitor.open("system")
    expect(page.locator(".pill:not(.idle)")).to_be_visible()
    is_held.append(True)
    for width in (1366, 1100, 700, 320):
        page.set_viewport_size({"width": width, "height": 568})
        shown, too_wide = page.evaluate(_BAR, change)
        visitor.keep(f"bar-{words}-{width}")
        assert words in " ".join(shown.split())
        assert too_wide <= 0, width
    expect(page.get_by_role("navigation", name="More").get_by_text("Log out")).to_be_visible()


#: The text of an element as it is broken into lines.
_LINES = """
  (element) => {
    const lines = [];
    let last = null;
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      for (let at = 0; at < text.length; at += 1) {
        const character = document.createRange();
        character.setStart(text, at);
        character.setEnd(text, at + 1);
        const top = Math.round(character.getBoundingClientRect().top);
        if (top !== last) lines.push("");
        last = top;
        lines[lines.length - 1] += text.data[at];
      }
    }
    return lines;
  }
"""
_PARTS = "".join(f"/part_{number:02}_of" for number in range(20))
_PATH = f"/srv/a-disk-门口2{_PARTS}"
_PATHS = {
    "parts": f"cd {_PATH} &&\n  curl --fail -sS 'http://host:5066{_PATH}' --max-time 5",
    "a single part": f"cat {'x' * 200}.log",
}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("path", _PATHS)
def test_long_path_of_a_command_wraps_between_its_parts_and_is_copied_as_it_is(
    visit: Visit, lang: str, path: str
) -> None:
    command = _PATHS[path]
    visitor = visit(lang=lang)
    page = visitor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open("system")
    shown = visitor.show_command(command)
    for width in (320, 375, 414):
        page.set_viewport_size({"width": width, "height": 700})
        lines = shown.evaluate(_LINES)
        assert "".join(lines) == command
        assert len(lines) > 3
        if path == "parts":
            assert {line[-1] for line in lines[:-1]} <= {"/", " ", "\n"}, lines
            assert not [line for line in lines if line.startswith("/")], lines
        assert visitor.overflow() <= 0
        assert shown.evaluate("(block) => block.scrollWidth <= block.clientWidth")
        visitor.keep(f"command-{lang}-{path}-{width}")
    shown.evaluate("(block) => getSelection().selectAllChildren(block)")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == command
    page.get_by_role("button", name=re.compile("^(Copy|复制)$")).first.click()
    assert page.evaluate("navigator.clipboard.readText()") == command
    assert visitor.show_command(command, line=True).evaluate(_LINES) == command.splitlines(True)
    assert visitor.overflow() <= 0


@pytest.mark.parametrize("where", ["alerts", "cameras", "frames"])
def test_long_name_makes_no_filter_wider_than_the_phone(visit: Visit, where: str) -> None:
    visitor = visit(size=(320, 568))
    page = visitor.open(where)
    if where == "alerts":
        page.get_by_role("button", name="Filters").click()
    longer = "(selects) => selects.map((it) => it.append(new Option('W'.repeat(80))))"
    page.locator(".filters select").evaluate_all(longer)
    assert visitor.overflow() <= 0


def test_menu_of_the_export_and_headings_with_a_long_name_are_whole_on_a_phone(
    visit: Visit,
) -> None:
    visitor = visit(size=(320, 568))
    page = visitor.open("alerts")
    page.get_by_role("button", name="Filters").click()
    page.get_by_text("Export").click()
    menu = page.locator(".filters .menu > div").bounding_box()
    assert menu is not None
    assert 0 <= menu["x"] <= menu["x"] + menu["width"] <= 320
    services = visitor.open("services")
    services.locator(".twist").first.click()
    services.get_by_role("button", name="Unregister").click()
    title = services.locator("dialog h2")
    title.evaluate("(title) => (title.textContent = 'S'.repeat(80))")
    assert title.evaluate("(title) => title.scrollWidth <= title.clientWidth")
    report = visitor.open("incidents/now")
    for heading in report.locator("h1, h2, h3").all():
        heading.evaluate("(heading) => (heading.textContent = 'S'.repeat(80))")
        assert visitor.overflow() <= 0


#: What has the focus: [element, pixels of it below the bar, pixels of it below the tabs].
_FOCUSED = """
  () => {
    const focused = document.activeElement;
    if (!focused.closest("main") || focused.offsetHeight > innerHeight / 2) return null;
    const { top, bottom } = focused.getBoundingClientRect();
    const { bottom: bar } = document.querySelector(".bar").getBoundingClientRect();
    const { top: tabs } = document.querySelector(".tabs").getBoundingClientRect();
    return [focused.outerHTML, bar - top, bottom - tabs];
  }
"""
_STOPS = 45


@pytest.mark.parametrize("where", ["", "system", f"cameras/{CAMERAS[0]}"])
def test_neither_bar_nor_tabs_of_a_phone_cover_what_has_the_focus(visit: Visit, where: str) -> None:
    visitor = visit(size=PHONE)
    is_held = _live_until_held(visitor.page)
    page = visitor.open(where)
    is_held.append(True)
    looked = 0
    for key in ["Tab"] * _STOPS + ["Shift+Tab"] * _STOPS:
        page.keyboard.press(key)
        if found := page.evaluate(_FOCUSED):
            element, *covered = found
            assert max(covered) <= 0, element
            looked += 1
    assert looked > _STOPS / 2


@pytest.mark.parametrize(("lang", "words"), [("en", "0 attempts"), ("zh", "尝试 0 次")])
def test_phone_names_the_attempts_of_a_frame(visit: Visit, lang: str, words: str) -> None:
    visitor = visit(lang=lang, size=PHONE)
    page = visitor.open("frames?state=parked")
    expect(page.get_by_text(words, exact=True)).to_be_visible()
    visitor.keep(f"frames-{lang}")


def test_ages_of_a_service_are_in_the_words_of_the_language(visit: Visit) -> None:
    visitor = visit(lang="zh", theme="dark", size=PHONE)
    page = visitor.open("services")
    page.locator(".twist").first.click()
    ages = page.locator(".more dt", has_text="距今").locator("+ dd")
    expect(ages.first).to_have_text(re.compile(r"^\d+ (秒|分)$"))
    visitor.keep("service-zh")


def test_system_lists_every_task_type_also_where_nothing_waits(visit: Visit) -> None:
    visitor = visit(size=_LAPTOP)
    page = visitor.open("system")
    queues = page.get_by_role("region", name="Queues")
    expect(queues.get_by_role("row").filter(has_text=TYPE).get_by_role("cell")).to_have_text(
        [TYPE, "0", "0", "0", "0"]
    )
    visitor.keep("system-queues")


def test_many_task_types_without_a_frame_are_folded_below_those_with_one(visit: Visit) -> None:
    visitor = visit()

    def with_many(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["queues"]["failed"] = {f"type {number:02}": 0 for number in range(30)} | {"zz": 5000}
        body["counted_up_to"]["failed"] = 5000
        route.fulfill(response=answer, json=body)

    visitor.page.route("**/dashboard/system", with_many)
    queues = visitor.open("system").get_by_role("region", name="Queues")
    rows = queues.locator("tbody tr")
    expect(rows).to_have_count(_MOST_OPEN)
    expect(rows.filter(has_text="zz").get_by_role("cell").last).to_have_text("≥ 5,000")
    queues.get_by_role("button", name="Show all").click()
    expect(rows.filter(has_text="type 29")).to_be_visible()


def test_step_of_the_capture_names_where_its_time_is_from(visit: Visit, site: Outside) -> None:
    newest = site.alerts(TYPE)[-1]["id"]
    page = visit().open(f"alerts/{newest}")
    step = page.locator(".steps li").first
    expect(step).to_contain_text("captured, by the name of the file or its time")
