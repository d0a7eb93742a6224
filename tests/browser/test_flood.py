"""The pages stay smooth and small while alerts arrive in masses."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Browser, WebSocketRoute

from tests.browser.conftest import TYPE, Visit
from tests.browser.flood import assert_smooth
from tests.support.easyai_process import EasyaiProcess

_SECONDS = 15
_MOST_LISTED = 2000
_A_MESSAGE = 40  # below the number from which a message leaves alerts out


def test_hundred_alerts_a_second_leave_the_page_smooth(
    chromium: Browser, installation: EasyaiProcess, visit: Visit
) -> None:
    assert_smooth(chromium, installation, visit, TYPE, _SECONDS)


def _item(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "task_id": "门口2",
        "task_type": TYPE,
        "created_at": 1_764_400_000 + number / _A_MESSAGE,
        "confidence": 0.9,
        "detection_count": 0,
        "boxes": [],
        "regions": [],
    }


def test_list_that_is_left_open_for_hours_does_not_grow(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    sockets: list[WebSocketRoute] = []
    page.route_web_socket("**/live?*", lambda socket: sockets.append(socket))
    page.goto(f"{visitor.url}/?lang=en#/alerts")
    page.locator(".alert").first.wait_for()
    number = 1_000_000
    head = {"at": 1_764_400_000}
    now = {"alerts": {"total": number, "newest_id": number, "recent": []}}
    sockets[0].send(json.dumps({**head, "kind": "state", "boot": "b", "seq": 1, "now": now}))
    for seq in range(2, 2 + 100):
        recent = [_item(number + place) for place in range(_A_MESSAGE, 0, -1)]
        number += _A_MESSAGE
        now = {"alerts": {"total": number, "newest_id": number, "recent": recent}}
        sockets[0].send(json.dumps({**head, "kind": "delta", "seq": seq, "now": now}))
        if seq == 2:  # the gallery is there
            page.locator(f'.alert[data-id="{number}"]').wait_for()
    page.locator(f'.alert[data-id="{number}"]').wait_for()
    listed = page.evaluate(
        """async () => {
          const { feed } = await import("/static/js/feed.js");
          return [feed.order.length, feed.items.size, feed.next];
        }"""
    )
    assert listed[0] == _MOST_LISTED
    assert listed[1] <= 3000 + _A_MESSAGE
    assert listed[2] == number - _MOST_LISTED + 1  # what was cut off is loaded again by scrolling
