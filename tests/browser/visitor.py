"""A person with a browser, whose console and network are watched."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

LAPTOP = (1366, 768)
PHONE = (390, 844)
WALL = (2560, 1440)
LIMIT_MS = 15_000  # on a machine with much else to do
#: Chromium gives up its connections when the machine gets or loses an address, such as that of a
#: container of another test; the page asks again.
_NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
_DRAWN_MS = 1000  # pictures and curves

expect.set_options(timeout=LIMIT_MS)


class Visitor:
    """A page of the dashboard in a browser of its own.

    ``faults`` are errors and warnings of the console (a refusal by the page's policy is an error),
    exceptions, requests to other servers, and placeholders of pictures that are gone or broken.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        lang: str = "en",
        theme: str = "light",
        size: tuple[int, int] = LAPTOP,
        headers: dict[str, str] | None = None,
        zone: str | None = None,
    ) -> None:
        self.url = url
        self._query = f"?lang={lang}&theme={theme}"
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
            extra_http_headers=headers or {},
            timezone_id=zone,
        )
        self._context.set_default_timeout(LIMIT_MS)
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        self._listens = True
        self._misses_pictures = False
        self.page.on("console", self._hear)
        self.page.on(
            "pageerror", lambda error: self.faults.append(f"{error.message} {error.stack}")
        )
        self.page.on("request", self._watch)
        self.page.on("response", self._look)

    def open(self, where: str = "") -> Page:
        """Open a page by the part of its address after '#/', and wait until it shows its data."""
        address = f"{self.url}/{self._query}#/{where}"
        try:
            self.page.goto(address)
        except Error as error:
            if _NETWORK_CHANGED not in error.message:
                raise
            self.page.goto(address)  # as a person does
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing of the page is loading."""
        expect(self.page.locator("main > *").first).to_be_visible(timeout=LIMIT_MS)
        for busy in (".skeleton", "main .sk"):
            expect(self.page.locator(busy)).to_have_count(0)

    def expect_faults(self) -> None:
        """From now on the server is away, or refuses: Chromium writes that to the console."""
        self.faults.clear()
        self._listens = False

    def expect_missing_pictures(self) -> None:
        """From now on the page shows what has no picture, or what may lose it meanwhile."""
        self._misses_pictures = True

    def show_command(self, text: str, *, line: bool = False) -> Locator:
        """Show a command at the top of the page, as in a report; `line`: as beside the verdict."""
        self.page.evaluate(
            """async ([text, line]) => {
              const { html, render } = await import("/static/js/preact.js");
              const { Command } = await import("/static/js/parts.js");
              const place = document.createElement("div");
              document.getElementById("main").prepend(place);
              render(html`<${Command} text=${text} line=${line} />`, place);
            }""",
            [text, line],
        )
        return self.page.locator(".cmd pre").first

    def keep(self, name: str) -> None:
        """Write a picture of the screen, if SCREENSHOTS names a folder for them."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.evaluate("document.fonts.ready")
            self.page.wait_for_timeout(_DRAWN_MS)
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def overflow(self) -> int:
        """How many pixels the page is wider than the screen."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return wide

    def _hear(self, message: ConsoleMessage) -> None:
        is_trouble = message.type in ("error", "warning") and _NETWORK_CHANGED not in message.text
        if self._listens and is_trouble:
            self.faults.append(f"{message.text} {message.location}")

    def _watch(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in ("", urlsplit(self.url).netloc):
            self.faults.append(f"a request to {request.url}")

    def _look(self, response: Response) -> None:
        why = response.headers.get("x-picture")
        if why and not self._misses_pictures:
            self.faults.append(f"a {why} picture: {response.url}")

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.close()
