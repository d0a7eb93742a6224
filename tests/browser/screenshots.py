"""Takes the pictures of the dashboard in docs/images, of the demo: `make screenshots`."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Browser

from examples.demo.frames import FACES
from tests.browser.chromium import running_chromium
from tests.browser.visitor import Visitor

_ROOT = Path(__file__).resolve().parents[2]
_IMAGES = _ROOT / "docs" / "images"
_SIZE = (1366, 720)
#: The suffix of a picture's name, to language and theme.
_LOOKS = {"": ("en", "light"), ".zh-CN": ("zh", "dark")}
_CURVES_SEC = 120  # the cameras write on, so that the curves have a shape
_DRAWN_MS = 2000  # pictures and curves
_STOP_SEC = 60
# Fewer values of red, green and blue make a picture a third smaller; a palette shifts small marks.
_STEP = 5
_LARGEST_BYTES = 300_000


def main() -> None:
    """Run the demo, and write every picture; an exception leaves the rest as it was."""
    _IMAGES.mkdir(exist_ok=True)
    with _demo() as url, running_chromium() as browser:
        time.sleep(_CURVES_SEC)
        pages = {
            "now": "",
            "alerts": "alerts",
            "alert": f"alerts/{_fullest_alert(url)}",
            "services": "services",
        }
        for suffix, (lang, theme) in _LOOKS.items():
            for name, where in pages.items():
                picture = _picture(browser, url, where, lang, theme)
                _write(_IMAGES / f"{name}{suffix}.png", picture)


@contextmanager
def _demo() -> Iterator[str]:
    """The address of a demo that stays up; the demo ends with the block."""
    with tempfile.TemporaryDirectory(prefix="easyai-screenshots-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo", "--stay"],
            cwd=_ROOT,
            env=os.environ | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _address(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=_STOP_SEC)


def _address(process: subprocess.Popen[str]) -> str:
    """What the demo prints once every frame has its fate; its other lines are passed on."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        if line.startswith("dashboard: "):
            return line.removeprefix("dashboard: ").strip().rstrip("/")
    raise SystemExit("the demo has ended without a dashboard")


def _fullest_alert(url: str) -> int:
    """The alert with the most faces."""
    query = {"task_type": FACES, "page_size": "100"}
    with requests.get(f"{url}/api/v1/alerts", query, timeout=10) as response:
        found = response.json()["items"]
    return int(max(found, key=lambda alert: int(alert["detection_count"]))["id"])


def _picture(browser: Browser, url: str, where: str, lang: str, theme: str) -> bytes:
    """The screen with a page of the dashboard, as PNG."""
    with Visitor(browser, url, lang=lang, theme=theme, size=_SIZE) as visitor:
        page = visitor.open(where)
        page.wait_for_timeout(_DRAWN_MS)
        return page.screenshot()


def _write(path: Path, picture: bytes) -> None:
    with Image.open(io.BytesIO(picture)) as image:
        values = [min(255, round(value / _STEP) * _STEP) for value in range(256)]
        image.convert("RGB").point(values * 3).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(_ROOT)}: {size / 1000:.0f} kB")
    if size > _LARGEST_BYTES:
        raise SystemExit(f"{path.name} is larger than {_LARGEST_BYTES // 1000} kB")


if __name__ == "__main__":
    main()
