"""What is broken or gone says so, and a picture puts no error into the console."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Route, expect

from tests.browser.conftest import TYPE, Visit
from tests.browser.visitor import PHONE
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.jpeg import jpeg
from tests.support.outside import Outside
from tests.support.waiting import wait_until

_HIGH = "高处"
_FRAMES = "/api/v1/dashboard/frames"
_FAR_MS = 30_000


def test_label_of_a_box_near_the_upper_edge_is_whole_and_a_missing_picture_says_why(
    visit: Visit, site: Outside
) -> None:
    box = {"bbox": [100, 13, 160, 120], "class": "person", "confidence": 0.9}  # of 320 × 240
    answer = (200, {"success": True, "result": {"total_count": 1, "detections": [box]}})
    with AlgorithmStub("high", (_HIGH,), answer=lambda frame: answer) as stub:
        stub.register(site.url)
        for camera in ("whole", "gone"):
            site.put(f"{_HIGH}/{camera}/0.jpg", jpeg(5))
        site.put(f"{_HIGH}/broken/0.jpg", b"no picture")
        site.wait_for_alerts(_HIGH, 3)
    alerts = {alert["task_id"]: alert for alert in site.alerts(_HIGH)}
    (site.frames / alerts["gone"]["image_path"]).unlink()
    visitor = visit(size=PHONE)
    page = visitor.open(f"alerts/{alerts['whole']['id']}")
    label = page.locator(".big .label")
    expect(label).to_be_visible()
    at, edge = label.bounding_box(), page.locator(".big .pic").bounding_box()
    assert at is not None
    assert edge is not None
    assert at["y"] >= edge["y"]
    assert visitor.faults == []
    visitor.expect_missing_pictures()
    for camera, words in (("broken", "broken picture"), ("gone", "picture gone")):
        visitor.open(f"alerts?task_id={camera}")
        expect(page.locator(".alert .gone")).to_have_text(words)
        visitor.open(f"alerts/{alerts[camera]['id']}")
        expect(page.locator(".big .gone")).to_have_text(words)
        expect(page.locator(".big .label")).to_have_count(0)
        visitor.open(f"cameras/{camera}")
        expect(page.locator(".big .gone")).to_have_text(words)
    assert visitor.faults == []


def test_picture_of_a_frame_that_ends_while_the_page_draws_it_is_gone_without_a_fault(
    visit: Visit, site: Outside
) -> None:
    visitor = visit()
    visitor.expect_missing_pictures()
    page = visitor.page
    held: list[Route] = []
    page.route("**/thumbnails/frames/*", lambda route: held.append(route))
    visitor.open("frames?state=parked")
    frame = page.locator(".frame-pic")
    expect(frame).to_have_count(1)
    wait_until(lambda: page.evaluate("1") and held, 15, "the page asks for the picture")
    chosen = {"task_type": "无服务", "dry_run": False}
    with requests.post(f"{site.url}{_FRAMES}/discard", json=chosen, timeout=10) as discarded:
        assert discarded.json()["count"] == 1
    for route in held:
        route.fallback()
    expect(frame.locator(".gone")).to_have_text("picture gone")
    assert visitor.faults == []


def test_camera_shows_its_next_picture_after_one_that_was_gone(visit: Visit, site: Outside) -> None:
    visitor = visit()
    visitor.expect_faults()  # a picture is refused
    page = visitor.page
    page.route("**/thumbnails/**", lambda route: route.fulfill(status=404))
    visitor.open()
    tile = page.locator(".tile", has_text="Dock 4")
    expect(tile).to_contain_text("no picture")
    page.unroute_all()
    site.put(f"{TYPE}/Dock 4/next.jpg", jpeg(77))
    expect(tile.locator("img")).to_be_visible(timeout=_FAR_MS)
    expect(tile).not_to_contain_text("no picture")


@pytest.mark.parametrize(
    ("lang", "where", "words", "link"),
    [
        ("en", "alerts/999999", "This alert no longer exists", "All alerts"),
        ("zh", "cameras/nobody", "没有该摄像头的数据", "全部摄像头"),
    ],
)
def test_page_of_what_is_gone_says_so_and_leads_back(
    visit: Visit, lang: str, where: str, words: str, link: str
) -> None:
    visitor = visit(lang=lang, size=PHONE)
    visitor.expect_faults()  # the server does not have it
    visitor.expect_missing_pictures()  # the lists have those of the tests before
    page = visitor.open(where)
    expect(page.locator(".empty")).to_contain_text(words)
    expect(page.locator(".note")).to_have_count(0)
    page.locator("main").get_by_text(link).click()
    expect(page).to_have_url(re.compile(f"#/{where.partition('/')[0]}$"))
