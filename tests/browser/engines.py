"""Firefox and WebKit, the engine of Safari, as the distribution has them.

Playwright drives only builds of its own of these two, and Selenium needs geckodriver, which Debian
lacks; so they are driven by what they speak themselves: WebDriver BiDi and WebDriver.
"""

from __future__ import annotations

import itertools
import json
import os
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from websockets.sync.client import ClientConnection, connect

from tests.support.needs import program
from tests.support.server_process import ServerProcess
from tests.support.waiting import accepts_connections, wait_until

ENTER, ESCAPE, DELETE = "\ue007", "\ue00c", "\ue017"  # as WebDriver writes keys
_WIDTH, _HEIGHT = 1366, 768
_LIMIT_SEC = 30.0
_MINI_BROWSER = "webkit2gtk-4.*/MiniBrowser"
#: Whatever Firefox wants from the internet goes to a port where nothing listens.
_PREFERENCES = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.dns.disablePrefetch": True,
    "remote.active-protocols": 1,
}


class Engine(ABC):
    """A browser with one page."""

    def __init__(self) -> None:
        self._parts = ExitStack()

    @abstractmethod
    def begin(self) -> None:
        """Start the browser; raises MissingError if it is not installed."""

    @abstractmethod
    def open(self, address: str) -> None:
        """Load an address."""

    @abstractmethod
    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""

    @abstractmethod
    def act(self, actions: list[dict[str, Any]]) -> None:
        """Let the person act, as WebDriver writes actions."""

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        kinds = ("keyDown", "keyUp")
        strokes = [{"type": kind, "value": key} for key in keys for kind in kinds]
        self.act([{"type": "key", "id": "keyboard", "actions": strokes}])

    def expect(self, expression: str, limit_sec: float = _LIMIT_SEC) -> Any:
        """Wait until an expression is true; returns its value."""
        return wait_until(lambda: self.run(expression), limit_sec, expression, every=0.1)

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parts.close()


class _FirefoxProcess(ServerProcess):
    name = "firefox"

    def __init__(self) -> None:
        super().__init__()
        self._program = program("firefox-esr", "Firefox")
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items()]
        (self.folder / "user.js").write_text("\n".join(lines))

    def command(self) -> list[str]:
        own = ["--headless", "--no-remote", "--profile", str(self.folder)]
        return [self._program, *own, f"--remote-debugging-port={self.port}", "about:blank"]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"HOME": str(self.folder)}

    def answers(self) -> bool:
        return accepts_connections(self.port)


class Firefox(Engine):
    """Firefox, over WebDriver BiDi."""

    _socket: ClientConnection
    _page: str

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)

    def begin(self) -> None:
        """Start Firefox; raises MissingError if it is not installed."""
        process = self._parts.enter_context(_FirefoxProcess())
        self._socket = self._parts.enter_context(
            connect(f"ws://127.0.0.1:{process.port}/session", max_size=None, proxy=None)
        )
        self._ask("session.new", capabilities={})
        self._page = self._ask("browsingContext.getTree")["contexts"][0]["context"]
        self._of_page("browsingContext.setViewport", viewport={"width": _WIDTH, "height": _HEIGHT})

    def open(self, address: str) -> None:
        """Load an address."""
        self._of_page("browsingContext.navigate", url=address, wait="complete")

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        target = {"context": self._page}
        whole = f"JSON.stringify(({expression}) ?? null)"
        answer = self._ask("script.evaluate", expression=whole, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Let the person act."""
        self._of_page("input.performActions", actions=actions)

    def _of_page(self, method: str, **parameters: Any) -> Any:
        return self._ask(method, context=self._page, **parameters)

    def _ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=_LIMIT_SEC))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]


class _Screen(ServerProcess):
    """A screen that nobody sees: WebKit needs one."""

    name = "screen"

    def __init__(self) -> None:
        super().__init__()
        self._program = program("Xvfb", "Xvfb")

    def command(self) -> list[str]:
        return [self._program, f":{self.port}", "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]

    def answers(self) -> bool:
        return Path(f"/tmp/.X11-unix/X{self.port}").exists()


class _WebKitProcess(ServerProcess):
    name = "webkit"

    def __init__(self, screen: ServerProcess) -> None:
        super().__init__()
        self._program = program("WebKitWebDriver", "WebKitWebDriver")
        self._screen = screen

    def command(self) -> list[str]:
        return [self._program, f"--port={self.port}", "--host=127.0.0.1"]

    def environment(self) -> dict[str, str]:
        self.folder.chmod(0o700)
        own = {
            "DISPLAY": f":{self._screen.port}",
            "GDK_BACKEND": "x11",
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "LANG": "C.UTF-8",  # the default of Debian: its language, "C", does not exist
        }
        return {k: v for k, v in os.environ.items() if not k.startswith("LC_")} | own

    def answers(self) -> bool:
        return accepts_connections(self.port)


class WebKit(Engine):
    """WebKit in the small browser of WebKitGTK, over WebDriver."""

    _url: str

    def begin(self) -> None:
        """Start the browser; raises MissingError if it is not installed."""
        screen = self._parts.enter_context(_Screen())
        process = self._parts.enter_context(_WebKitProcess(screen))
        browser = next(Path("/usr/lib").glob(f"*/{_MINI_BROWSER}"))
        options = {"binary": str(browser), "args": ["--automation"]}
        asked = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self._url = f"http://127.0.0.1:{process.port}/session"
        session = self._ask("POST", "", asked)["sessionId"]
        self._url += f"/{session}"
        self._ask("POST", "/window/rect", {"x": 0, "y": 0, "width": _WIDTH, "height": _HEIGHT})

    def open(self, address: str) -> None:
        """Load an address."""
        self._ask("POST", "/url", {"url": address})

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self._ask("POST", "/execute/sync", {"script": f"return {expression}", "args": []})

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Let the person act."""
        self._ask("POST", "/actions", {"actions": actions})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, self._url + path, json=body, timeout=_LIMIT_SEC)
        assert answer.ok, answer.text
        return answer.json()["value"]
