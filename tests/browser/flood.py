"""A hundred alerts a second, while people look at the dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Browser, Page

from tests.browser.smoothness import LONGEST_MS, watched
from tests.browser.visitor import Visitor
from tests.faults.camera import Camera
from tests.support.easyai_process import EasyaiProcess

PER_SEC = 100
_CAMERAS = 8
_MOST_CARDS = 150  # on a laptop's screen and near it
_LEAST_SHARE = 0.2  # of the frames: where other tests take the CPU, inference is slower
_WARM_UP_SEC = 2.0


def assert_smooth(
    chromium: Browser,
    installation: EasyaiProcess,
    visit: Callable[[], Visitor],
    task_type: str,
    seconds: int,
) -> float:
    """The first page and the alerts go on without a long task; returns the longest in ms of CPU."""
    camera = Camera(installation.frames, [task_type], cameras=_CAMERAS, rate=PER_SEC)
    with camera:
        time.sleep(_WARM_UP_SEC)
        now, alerts = visit().open(), visit().open("alerts")
        alerts.locator(".alert").first.wait_for()
        first, begun = _newest(alerts), len(camera.keys)
        with watched(chromium) as tasks:
            for _ in range(seconds):
                now.wait_for_timeout(1000)
                assert alerts.locator(".alert").count() <= _MOST_CARDS
        came, written = _newest(alerts) - first, len(camera.keys) - begun
    assert came > written * _LEAST_SHARE, (came, written)
    print(f"{came / seconds:.0f} alerts/s, longest task {tasks.longest_ms:.0f} ms of CPU")
    assert tasks.longest_ms < LONGEST_MS
    return tasks.longest_ms


def _newest(page: Page) -> int:
    return int(page.locator(".alert").first.get_attribute("data-id") or 0)
