"""An alarm rings: an operator acknowledges and mutes it, and everybody sees it live."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import ANOTHER_MACHINE, VIEWER, VIEWER_TOKEN, Visit
from tests.browser.visitor import LAPTOP, PHONE
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

_SETTINGS = f"{VIEWER}\n[ai_analysis]\nstall_alarm_sec = 5\n"
_RINGS_MS = 60_000
_LIVE_MS = 30_000
_TYPE = "无服务"
#: Tries to write as a page does that does not hide its buttons.
_WRITE = """
  async (path) => {
    const session = await (await fetch("api/v1/session")).json();
    const headers = { "X-CSRF-Token": session.csrf, "Content-Type": "application/json" };
    return (await fetch(path, { method: "POST", headers, body: "{}" })).status;
  }
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EasyaiProcess]:
    """A running ``easyai up`` with a frame that waits for a service: an alarm is about to ring."""
    with EasyaiProcess(tmp_path_factory.mktemp("alarms"), _SETTINGS, forked=True) as process:
        process.start()
        Outside(process.url, process.frames).put(f"{_TYPE}/门口2/0.jpg", jpeg())
        yield process


def _alarm(page: Page) -> Locator:
    return page.locator(".alarms li").first


def _operator(visit: Visit, size: tuple[int, int] = LAPTOP) -> Page:
    """A page on the machine itself, whose visitor goes by the name of Li Lei."""
    visitor = visit(size=size)
    visitor.page.add_init_script("localStorage.setItem('easyai.person', '李雷')")
    page = visitor.open()
    expect(_alarm(page)).to_be_visible(timeout=_RINGS_MS)
    return page


def _viewer(visit: Visit) -> Page:
    """The page of Han Meimei, who has logged in as a viewer with Chinese and a dark theme."""
    visitor = visit(lang="zh", theme="dark", headers=ANOTHER_MACHINE)
    visitor.expect_faults()  # refused writes
    page = visitor.page
    page.goto(f"{visitor.url}/?lang=zh&theme=dark#/")
    page.get_by_label("您的姓名").fill("韩梅梅")
    page.locator("input[type=password]").fill(VIEWER_TOKEN)
    page.locator("input[type=password]").press("Enter")
    expect(_alarm(page)).to_be_visible(timeout=_RINGS_MS)
    page.evaluate("window.stayed = true")
    return page


def test_operator_acknowledges_and_mutes_an_alarm_and_a_viewer_sees_both_live(
    visit: Visit, installation: EasyaiProcess
) -> None:
    operator, viewer = _operator(visit), _viewer(visit)
    assert viewer.locator(".alarms button, .alarms summary").count() == 0

    _alarm(operator).get_by_role("button", name="Acknowledge").click()
    expect(_alarm(viewer)).to_contain_text("李雷 已确认", timeout=_LIVE_MS)
    expect(_alarm(operator)).to_contain_text("acknowledged by 李雷")

    _alarm(operator).locator("summary").click()
    operator.get_by_role("button", name=re.compile("^This alarm: for 1 h")).click()
    expect(operator.locator(".toast")).to_contain_text("Muted")
    expect(_alarm(viewer)).to_contain_text("静音至", timeout=_LIVE_MS)
    expect(_alarm(operator)).to_contain_text("muted until")
    assert viewer.evaluate("window.stayed") is True

    for line in ("person='李雷' done='acknowledged the alarm", "person='李雷' done='muted"):
        assert line in installation.log
    operator.goto(operator.url.partition("#")[0] + "#/system")
    audit = operator.locator("#audit").locator("xpath=ancestor::section")
    for action in ("acknowledge", "mute"):
        entry = audit.get_by_role("row").filter(has=operator.get_by_text(action, exact=True))
        expect(entry.first).to_contain_text("李雷")


def test_mute_is_ended_on_the_page_of_incidents_by_an_operator_alone(
    visit: Visit, installation: EasyaiProcess
) -> None:
    operator, viewer = _operator(visit), _viewer(visit)
    number = (_alarm(viewer).get_by_role("link").get_attribute("href") or "").split("/")[-1]
    own = f"api/v1/dashboard/incidents/{number}"
    for write in (f"{own}/acknowledge", f"{own}/notes", "api/v1/dashboard/mutes"):
        assert viewer.evaluate(_WRITE, write) == 403
    mute = {"scope": "kind", "value": "no_algorithm", "for_sec": 3600}
    _post(installation, "mutes", mute)
    for page in (operator, viewer):
        page.goto(f"{page.url.partition('#')[0]}#/incidents/{number}")
    seen = (
        viewer.get_by_role("region", name="已静音").get_by_role("listitem").filter(has_text="王五")
    )
    expect(seen).to_be_visible()
    assert seen.get_by_role("button").count() == 0
    row = operator.get_by_role("region", name="Muted").get_by_role("listitem")
    row.filter(has_text="王五").get_by_role("button", name="End").click()
    expect(row.filter(has_text="王五")).to_have_count(0)
    expect(seen).to_have_count(0, timeout=_LIVE_MS)


def _post(installation: EasyaiProcess, what: str, body: dict[str, Any]) -> None:
    """A write on the machine itself, by another person."""
    url = f"{installation.url}/api/v1/dashboard/{what}"
    answer = requests.post(url, json=body, headers={"X-Person": quote("王五")}, timeout=10)
    assert answer.ok, answer.text


def test_incident_stays_under_the_hands_while_another_begins_to_ring(visit: Visit) -> None:
    page = _operator(visit)
    page.goto(re.sub("#.*", "#/incidents", page.url))
    here = page.locator(".inc .list [aria-current]")
    expect(here).to_be_visible()
    before = here.get_attribute("href")
    expect(page.locator(".inc article")).to_contain_text(re.compile(r"for .* so far"))

    def with_another(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["items"].insert(0, {**body["items"][0], "id": 1_000_000})
        route.fulfill(response=answer, json=body)

    page.route("**/dashboard/incidents?*", with_another)
    another = page.locator(".inc .list a[href$='1000000']")
    expect(another).to_be_visible(timeout=_LIVE_MS)
    expect(here).to_have_attribute("href", str(before))


def test_report_of_the_shown_incident_is_printed_on_narrow_paper(visit: Visit) -> None:
    page = _operator(visit)
    page.goto(re.sub("#.*", "#/incidents", page.url))
    page.set_viewport_size({"width": 790, "height": 1120})
    expect(page.locator(".inc .list")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".inc article .report")).to_be_visible()


def test_report_is_printed_without_what_is_muted(visit: Visit) -> None:
    page = _operator(visit)
    mute = {"id": 1, "scope": "kind", "value": "disk_low", "by": "李雷", "until": 4e9}

    def with_a_mute(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["mutes"].append(mute)
        route.fulfill(response=answer, json=body)

    page.route("**/dashboard/incidents?*", with_a_mute)
    page.goto(re.sub("#.*", "#/incidents", page.url))
    muted = page.get_by_role("heading", name="Muted")
    expect(muted).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".inc article .report")).to_be_visible()
    expect(muted).to_be_hidden()


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_escape_leads_from_an_incident_to_its_item_in_the_list(
    visit: Visit, size: tuple[int, int]
) -> None:
    page = _operator(visit, size)
    _alarm(page).get_by_role("link").click()
    expect(page.locator(".inc article .report")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#/incidents$"))
    expect(page.locator(".inc .list [aria-current]")).to_be_focused()


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_menu_of_the_mutes_names_each_kind_whole(visit: Visit, size: tuple[int, int]) -> None:
    page = _operator(visit, size)

    def not_muted(route: Route) -> None:
        answer = route.fetch()
        text = re.sub(r'("muted_until": ?)[\d.]+', r"\1null", answer.text())
        route.fulfill(response=answer, body=text)

    page.route("**/dashboard/incidents**", not_muted)
    _alarm(page).get_by_role("link").click()
    menu = page.locator(".inc article .menu")
    menu.locator("summary").click()
    long = "inference_stalled_by_a_long_name"
    menu.get_by_text("All of the kind").evaluate("(line, name) => line.append(name)", long)
    cut = "(lines) => lines.filter((line) => line.scrollWidth > line.clientWidth).length"
    assert menu.locator("p").evaluate_all(cut) == 0
    box = menu.locator("> div").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
