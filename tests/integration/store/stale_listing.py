"""A fake in front of a real object store: its listings are old, everything else is passed on.

Each page of a listing is shown again, as it was, for some seconds: pages of a listing are of
different moments, as those of real stores may be.
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

import urllib3

_HOP: Final = ("connection", "keep-alive", "transfer-encoding")
_Page = tuple[int, dict[str, str], bytes]


class StaleListings:
    """Listens on loopback; the host that clients name is passed on, so that signatures hold."""

    def __init__(self, server_port: int, stale_sec: float) -> None:
        self.stale_sec = stale_sec
        self.shown_again = 0  # pages that were old
        self._pages: dict[str, tuple[float, _Page]] = {}  # by address, with when (monotonic)
        self._lock = threading.Lock()
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", server_port, maxsize=64)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def endpoint(self) -> str:
        """The settings to use the store through this fake."""
        return f"127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Page:
        """The store's own answer, or its answer of some seconds ago where a listing is asked."""
        if method != "GET" or "list-type=2" not in path:
            return self._ask(method, path, headers, body)
        with self._lock:
            at, page = self._pages.get(path, (float("-inf"), None))
            if page is not None and time.monotonic() - at < self.stale_sec:
                self.shown_again += 1
                return page
        page = self._ask(method, path, headers, body)
        with self._lock:
            self._pages[path] = time.monotonic(), page
        return page

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Page:
        response = self._pool.urlopen(
            method, path, body=body, headers=headers, redirect=False, retries=False
        )
        own = {
            name.title(): value
            for name, value in response.headers.items()
            if name.lower() not in _HOP and (method == "HEAD" or name.lower() != "content-length")
        }
        return response.status, own, response.data

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = fake.answer(
                    self.command, self.path, dict(self.headers.items()), body
                )
                self.send_response_only(status)
                # For a HEAD it is the length of the content that a GET would return.
                length = headers.pop("Content-Length", "0") if self.command == "HEAD" else None
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
        self._pool.close()
