"""An open list of alerts whose live messages are those of the test."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from tests.browser.conftest import TYPE, Visit

A_MESSAGE = 40  # below the number from which a message leaves alerts out
_BEGUN = 1_764_400_000


def _item(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "task_id": "门口2",
        "task_type": TYPE,
        "created_at": _BEGUN + number / A_MESSAGE,
        "confidence": 0.9,
        "detection_count": 0,
        "boxes": [],
        "regions": [],
    }


def state(newest_id: int) -> dict[str, Any]:
    """The whole live state, as after a connection is made."""
    now = {"alerts": {"total": newest_id, "newest_id": newest_id, "recent": []}}
    return {"kind": "state", "boot": "b", "seq": 1, "at": _BEGUN, "now": now}


class LiveSocket:
    """The connection by which a test sends a page the live state."""

    def __init__(self, page: Page) -> None:
        self._sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/live?*", lambda socket: self._sockets.append(socket))

    def send(self, message: str) -> None:
        """Send a message by the newest socket: a page that hears nothing for 12 s opens another."""
        self._sockets[-1].send(message)


def open_list(visit: Visit) -> tuple[Page, LiveSocket]:
    """An open gallery, and the connection by which the test sends it the live state."""
    visitor = visit()
    visitor.expect_missing_pictures()  # the test invents alerts
    socket = LiveSocket(visitor.page)
    visitor.page.goto(f"{visitor.url}/?lang=en#/alerts")
    visitor.page.locator(".alert").first.wait_for()
    return visitor.page, socket


def newest_shown(page: Page) -> int:
    """The id of the first alert of the list."""
    return int(page.locator(".alert").first.get_attribute("data-id") or 0)


def delta(seq: int, newest_id: int, count: int = A_MESSAGE) -> str:
    """A message with new alerts."""
    recent = [_item(newest_id - place) for place in range(count)]
    now = {"alerts": {"total": newest_id, "newest_id": newest_id, "recent": recent}}
    return json.dumps({"kind": "delta", "seq": seq, "at": _BEGUN, "now": now})


def of_feed(page: Page, value: str) -> Any:
    """A value of the list of alerts in the page."""
    return page.evaluate(f'import("/static/js/feed.js").then(({{ feed }}) => {value})')
