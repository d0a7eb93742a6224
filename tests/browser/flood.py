"""Alerts arrive in masses, while people look at the dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Browser, Page

from tests.browser.smoothness import LONGEST_MS, watched
from tests.browser.visitor import Visitor
from tests.faults.camera import Camera
from tests.support.easyai_process import EasyaiProcess

_CAMERAS = 8
_MOST_CARDS = 150  # on a laptop's screen and near it
_WARM_UP_SEC = 1.0


def assert_smooth(
    chromium: Browser,
    installation: EasyaiProcess,
    visit: Callable[[], Visitor],
    task_type: str,
    seconds: int,
    *,
    frames_per_sec: int,
    least_per_sec: float,
) -> None:
    """The first page and the alerts go on without a long task.

    Fails where fewer alerts came than `least_per_sec`: the machine was too slow to prove anything.
    """
    camera = Camera(installation.frames, [task_type], cameras=_CAMERAS, rate=frames_per_sec)
    with camera:
        time.sleep(_WARM_UP_SEC)
        now, alerts = visit().open(), visit().open("alerts")
        alerts.locator(".alert").first.wait_for()
        first, begun = _newest(alerts), time.monotonic()
        with watched(chromium) as tasks:
            for _ in range(seconds):
                now.wait_for_timeout(1000)
                assert alerts.locator(".alert").count() <= _MOST_CARDS
        per_sec = (_newest(alerts) - first) / (time.monotonic() - begun)
    print(f"{per_sec:.0f} alerts/s, longest task {tasks.longest_ms:.0f} ms of CPU")
    assert per_sec > least_per_sec
    assert tasks.longest_ms < LONGEST_MS


def _newest(page: Page) -> int:
    return int(page.locator(".alert").first.get_attribute("data-id") or 0)
