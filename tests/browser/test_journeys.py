"""What people do on the pages: with the keyboard alone, as a viewer, while things change."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import ANOTHER_MACHINE, TYPE, VIEWER_TOKEN, Visit
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

FAR_MS = 30_000


def _newest(page: Page) -> int:
    return int(page.locator(".alert").first.get_attribute("data-id") or 0)


def test_alerts_are_reviewed_with_the_keyboard_alone(visit: Visit, site: Outside) -> None:
    page = visit().open()
    page.keyboard.press("2")
    expect(page.locator(".alert").first).to_be_visible()
    first = _newest(page)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"#/alerts/{first}$"))
    page.keyboard.press("r")  # reviewed, and on to the next
    expect(page).not_to_have_url(re.compile(rf"#/alerts/{first}$"))
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(rf"#/alerts/{first}$"))
    expect(page.get_by_role("button", name=re.compile("Reviewed"))).to_be_visible()
    page.keyboard.press("b")
    expect(page.locator(".big svg")).to_have_count(0)
    page.keyboard.press("w")
    expect(page.locator(".json")).to_contain_text('"answer"')
    page.keyboard.press("Escape")
    expect(page.locator(f'.alert.seen[data-id="{first}"]')).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_every_page_is_reached_by_its_number_and_focus_is_seen(visit: Visit) -> None:
    page = visit().open()
    names = ("alerts", "cameras", "frames", "services", "incidents", "system")
    for number, name in enumerate(names, 2):
        page.keyboard.press(str(number))
        expect(page).to_have_url(re.compile(rf"#/{name}$"))
    page.keyboard.press("1")
    expect(page.locator(".verdict")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_deleted_alert_comes_back_with_undo(visit: Visit, site: Outside) -> None:
    before = site.alert_count(TYPE)
    page = visit().open("alerts")
    first = _newest(page)
    page.keyboard.press("Enter")
    expect(page.locator("dl.facts")).to_be_visible()
    page.keyboard.press("Delete")
    expect(page.locator(".toast")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page).to_have_url(re.compile(rf"#/alerts/{first}$"))
    page.keyboard.press("Escape")
    expect(page.locator(f'.alert[data-id="{first}"]')).to_be_visible()
    assert site.alert_count(TYPE) == before


def test_shift_click_selects_all_between_and_many_are_deleted_after_a_question(
    visit: Visit, site: Outside
) -> None:
    site.put_many(4, TYPE, "to delete", first=700)
    expected = site.alert_count(TYPE) + 4
    site.wait_for_alerts(TYPE, expected)
    visitor = visit()
    visitor.expect_missing_pictures()  # a picture may be asked for after its deletion
    page = visitor.open("alerts?task_id=to%20delete")
    expect(page.locator(".alert")).to_have_count(4)
    boxes = page.locator(".alert .pick input")
    boxes.nth(0).click(force=True)
    boxes.nth(3).click(force=True, modifiers=["Shift"])
    expect(page.locator(".bulk b")).to_have_text("4 selected")
    page.locator(".bulk").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 4 alerts")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".alert")).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("4 alerts deleted")
    assert site.alert_count(TYPE) == expected - 4


def test_new_alert_slides_in_and_waits_while_the_list_is_scrolled(
    visit: Visit, site: Outside
) -> None:
    visitor = visit(size=(700, 500))
    page = visitor.open("alerts")
    before = _newest(page)
    site.put(f"{TYPE}/live/a.jpg", jpeg(801))
    expect(page.locator(".alert").first).not_to_have_attribute("data-id", str(before))
    page.evaluate("scrollTo(0, 600)")
    second = _newest(page)
    site.put(f"{TYPE}/live/b.jpg", jpeg(802))
    expect(page.locator(".newer")).to_have_text("1 new")
    page.locator(".newer").click()
    expect(page.locator(".alert").first).not_to_have_attribute("data-id", str(second))
    assert page.evaluate("scrollY") == 0


def test_failed_calls_of_a_service_are_shown_with_their_kind(visit: Visit, site: Outside) -> None:
    refusal = (200, {"success": False, "error": "too dark"})
    with AlgorithmStub("refuses", ("夜间",), answer=lambda frame: refusal) as stub:
        stub.register(site.url)
        site.put("夜间/门口2/0.jpg", jpeg(900))
        page = visit().open("services")
        row = page.locator("tr", has_text="refuses")
        expect(row.locator("td").nth(5)).not_to_have_text("0")
        row.locator(".twist").click()
        expect(page.locator(".more .calls")).to_have_text(
            re.compile(r"^(\d+), \1 failed \(refused \1\)$")
        )


def _visible(page: Page, name: str) -> int:
    return page.get_by_role("button", name=re.compile(name)).count()


def test_viewer_logs_in_and_sees_no_writes(
    visit: Visit, site: Outside, installation: EasyaiProcess
) -> None:
    visitor = visit(headers=ANOTHER_MACHINE)
    visitor.expect_faults()  # a wrong token
    page = visitor.page
    page.goto(f"{installation.url}/?lang=en#/")
    page.get_by_label("Your name").fill("李雷")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Token").fill(VIEWER_TOKEN)
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_text("李雷 · viewer")).to_be_visible()
    newest = site.alerts(TYPE)[-1]["id"]
    writes = "Mark|Delete|Requeue|Discard|Approve|Unregister|Probe|Acknowledge|Mute|Add a note"
    for where in ("", "alerts", f"alerts/{newest}", "frames?state=parked", "services", "incidents"):
        visitor.open(where)
        if where == "services":
            page.locator(".twist").first.click()
            expect(page.locator(".more")).to_be_visible()
        assert _visible(page, writes) == 0, where
        assert page.locator(".pick").count() == 0
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_page_goes_on_by_itself_after_a_restart_of_the_api(
    visit: Visit, site: Outside, installation: EasyaiProcess
) -> None:
    visitor = visit()
    page = visitor.open("alerts")
    page.evaluate("window.stayed = true")
    before = _newest(page)
    visitor.expect_faults()
    killed = installation.kill_child("api")
    installation.wait_for_child("api", other_than=killed)
    site.put(f"{TYPE}/after/a.jpg", jpeg(901))
    expect(page.locator(".alert").first).not_to_have_attribute(
        "data-id", str(before), timeout=FAR_MS
    )
    expect(page.locator(".pill")).not_to_have_class(re.compile("idle"), timeout=FAR_MS)
    assert page.evaluate("window.stayed") is True


def test_nothing_is_green_while_the_server_is_silent(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.clock.install()
    visitor.open()
    expect(page.locator(".verdict")).not_to_have_class(re.compile("idle"))
    visitor.expect_faults()
    page.context.set_offline(True)
    page.clock.fast_forward(20_000)
    expect(page.locator(".verdict.idle h1")).to_contain_text("not known")
    expect(page.locator("main .st.ok")).to_have_count(0)
    page.context.set_offline(False)
    page.clock.fast_forward(20_000)
    expect(page.locator(".verdict")).not_to_have_class(re.compile("idle"), timeout=FAR_MS)


def test_dragging_over_the_histogram_chooses_the_time(visit: Visit) -> None:
    page = visit().open("alerts")
    box = page.locator(".hist svg").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+$"))
    expect(page.get_by_text("No alert matches")).to_be_visible()  # all are of the last minutes
    page.get_by_role("button", name="Any time").click()
    expect(page.locator(".alert").first).to_be_visible()
    page.mouse.click(box["x"] + box["width"] - 1, y)  # the last bar ends now
    expect(page).to_have_url(re.compile(r"to=\d+$"))
    assert int(page.url.rpartition("=")[2]) <= time.time() + 1


def test_type_whose_frames_wait_without_a_service_says_so(visit: Visit) -> None:
    page = visit().open()
    waiting = page.get_by_role("group", name="无服务")
    expect(waiting).to_contain_text("no service")
    expect(waiting.locator("[title*='No service is registered for 无服务']")).to_be_visible()


def test_alerts_are_exported_as_the_filter_has_them(visit: Visit) -> None:
    page = visit().open("alerts?task_id=Dock+4")
    page.get_by_text("Export").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Table (CSV)").click()
    lines = started.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) > 1
    assert all("Dock 4" in line for line in lines[1:])


def test_parked_frames_are_counted_before_they_are_discarded(visit: Visit) -> None:
    page = visit().open("frames?state=parked")
    expect(page.get_by_text("无服务/门口2/0.jpg")).to_be_visible()
    discard = page.get_by_role("button", name="Discard all")
    expect(discard).to_be_disabled()
    page.get_by_label("All types").select_option("无服务")
    discard.click()
    expect(page.get_by_role("dialog")).to_contain_text("Discard 1 frames")
    page.keyboard.press("Escape")
    expect(page.get_by_text("无服务/门口2/0.jpg")).to_be_visible()


def test_preview_of_a_requeue_names_the_types_that_have_more(visit: Visit) -> None:
    visitor = visit()
    failed = {
        "id": 1,
        "task_type": "人脸",
        "task_id": "c1",
        "key": "人脸/c1/1.jpg",
        "state": "failed",
    }
    frames: dict[str, Any] = {"items": [failed], "next": None, "counts": {}, "counted_up_to": 1}
    visitor.page.route("**/frames?*", lambda route: route.fulfill(json=frames))
    page = visitor.open("frames")
    types = {"人脸": 7, "车辆": 3}
    preview = {
        "count": 10,
        "by_task_type": types,
        "more": ["人脸", "烟火"],
        "picture_gone": 2,
    }
    page.route("**/frames/requeue", lambda route: route.fulfill(json=preview))
    page.get_by_role("button", name="Requeue all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Requeue ≥ 10 frames?")
    expect(dialog.get_by_role("listitem")).to_have_text(["人脸: ≥ 7", "烟火: ≥ 0", "车辆: 3"])
    expect(dialog).to_contain_text("too many failed frames to count")
    expect(dialog).to_contain_text("≥ 2 of them have no picture")


def test_page_works_below_a_path_that_a_gateway_takes_off(
    visit: Visit, installation: EasyaiProcess
) -> None:
    visitor = visit()
    visitor.expect_faults()  # no gateway is there for the WebSocket
    page = visitor.page
    asked: list[str] = []
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("request", lambda request: asked.append(request.url))

    def pass_on(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace("/easyai/", "/", 1)))

    page.route("**/easyai/**", pass_on)
    page.goto(f"{installation.url}/easyai/?lang=en#/alerts")
    expect(page.locator(".alert img").first).to_be_visible()
    assert any("/api/v1/live" in url for url in asked)
    assert [url for url in asked if f":{installation.port}/easyai/" not in url] == []
    page.unroute_all(behavior="ignoreErrors")


_COMMAND = "cd /srv/easyai && ls -l"


@pytest.mark.parametrize("secure", [True, False])
def test_command_is_copied_or_selected(visit: Visit, secure: bool) -> None:
    visitor = visit()
    page = visitor.page
    if not secure:  # as on plain HTTP from another machine
        page.add_init_script("delete Navigator.prototype.clipboard")
    else:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open("system")
    visitor.show_command(_COMMAND)
    page.get_by_role("button", name="Copy").click()
    if secure:
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == _COMMAND
    else:
        expect(page.get_by_role("button", name="Press Ctrl-C")).to_be_visible()
        page.wait_for_function(f"getSelection().toString() === '{_COMMAND}'")
