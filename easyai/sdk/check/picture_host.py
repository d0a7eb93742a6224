"""Serves pictures to the service under test, like a store with signed URLs."""

import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import quote

BROKEN_PICTURE = b"this is text, not a picture\n" * 20


class PictureHost:
    """An HTTP server with a good picture, a broken picture and any number of missing pictures.

    Every URL is signed by its query, like a presigned URL: without the query the answer is 403.
    """

    def __init__(self, picture: bytes, host: str = "127.0.0.1") -> None:
        """Listen on a free port of `host`, the address under which the service reaches us."""
        self._pictures = {"good": picture, "broken": BROKEN_PICTURE}
        self._token = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._fetched = {"good": 0, "unsigned": 0}
        self._host = host
        self._server = _Server((host, 0), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="picture-host", daemon=True
        )

    def url(self, kind: str, image_path: str) -> str:
        """Return a signed URL of the picture `good`, `broken` or `missing`."""
        port = self._server.server_address[1]
        path = f"/{kind}/{quote(image_path)}"
        return f"http://{self._host}:{port}{path}?X-Amz-Expires=3600&signature={self._token}"

    def fetched(self, outcome: str) -> int:
        """Return how often picture `good` was served, or `unsigned` requests were refused."""
        with self._lock:
            return self._fetched[outcome]

    def find(self, target: str) -> tuple[HTTPStatus, bytes]:
        """Return status and content for a request target."""
        path, _, query = target.partition("?")
        kind = path.split("/")[1] if "/" in path else ""
        if f"signature={self._token}" not in query.split("&"):
            self._count("unsigned")
            return HTTPStatus.FORBIDDEN, b"signature missing"
        if kind not in self._pictures:
            return HTTPStatus.NOT_FOUND, b"no such picture"
        if kind == "good":
            self._count("good")
        return HTTPStatus.OK, self._pictures[kind]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _count(self, outcome: str) -> None:
        with self._lock:
            self._fetched[outcome] += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], pictures: PictureHost) -> None:
        self.pictures = pictures
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a service that breaks off a download shows it in its answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Print nothing: the report is the output."""

    def _answer(self, *, with_body: bool) -> None:
        status, content = self.server.pictures.find(self.path)
        self.send_response(status)
        self.send_header("Content-Type", "image/jpeg" if status == HTTPStatus.OK else "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)
