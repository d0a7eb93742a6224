"""Fixtures of the browser tests: a real Chromium, and an installation with real frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import running_chromium
from tests.browser.visitor import Visitor
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

TYPE = "人数统计"
VIEWER_TOKEN = "a-viewer-of-the-tests-0123456789"
#: Settings under which a person on another machine needs the token to look.
VIEWER = f'[easyai]\nviewers = "token"\nviewer_token = "{VIEWER_TOKEN}"\n'
ANOTHER_MACHINE = {"X-Forwarded-For": "203.0.113.7"}  # a proxy on this machine names the sender
#: What strangers may be called: every name of theirs must stay text.
HOSTILE = "<img src=x onerror=window.hacked=1>"
HOSTILE_SERVICE = '"><script>window.hacked=1</script>'
CAMERAS = ("门口2", "Dock 4", HOSTILE)
_EACH = 4  # frames of each camera

Visit = Callable[..., Visitor]


# Not for the whole session: while Playwright runs, its event loop is that of the thread.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running Chromium of the distribution, without a window."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EasyaiProcess]:
    """A running ``easyai up`` with alerts of three cameras, and a frame that has no service."""
    folder = tmp_path_factory.mktemp("browser")
    with EasyaiProcess(folder, VIEWER, forked=True) as process, ExitStack() as services:
        process.start()
        site = Outside(process.url, process.frames)
        for service_id in ("counter", HOSTILE_SERVICE):
            stub = services.enter_context(AlgorithmStub(service_id, (TYPE,)))
            stub.register(process.url)
        for camera in CAMERAS:
            for number in range(_EACH):
                site.put(f"{TYPE}/{camera}/{number}.jpg", jpeg(number))
        site.put("无服务/门口2/0.jpg", jpeg())
        site.wait_for_alerts(TYPE, _EACH * len(CAMERAS), timeout=60)
        yield process


@pytest.fixture
def site(installation: EasyaiProcess) -> Outside:
    """The running installation as cameras and services see it."""
    return Outside(installation.url, installation.frames)


@pytest.fixture
def visit(chromium: Browser, installation: EasyaiProcess) -> Iterator[Visit]:
    """Makes visitors of the installation; no console of theirs may have a fault in the end."""
    visitors: list[Visitor] = []
    with ExitStack() as stack:

        def one(**options: Any) -> Visitor:
            visitors.append(stack.enter_context(Visitor(chromium, installation.url, **options)))
            return visitors[-1]

        yield one
    assert [fault for visitor in visitors for fault in visitor.faults] == []
