"""The Chromium of the distribution, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support import needs


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A running Chromium without a window; raises MissingError if none is installed."""
    names = ("chromium", "google-chrome")
    path = next((found for name in names if (found := _program(name))), None)
    if path is None:
        raise needs.MissingError("Chromium")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=as_root)
        yield browser
        browser.close()


def _program(name: str) -> str | None:
    try:
        return needs.program(name, name)
    except needs.MissingError:
        return None
