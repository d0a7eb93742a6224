"""The HTTP side of a service: POST /infer and GET /health, JSON in and out."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from easyai.sdk.request_handling import Reply, failure
from easyai.sdk.service_errors import RequestError

log = logging.getLogger(__name__)

# A request carries a URL and a camera's configuration, never the picture.
_MAX_BODY_BYTES = 4 * 1024 * 1024
_IDLE_TIMEOUT_SEC = 75.0  # longer than clients keep idle connections, so they close first


class InferServer(ThreadingHTTPServer):
    """Serves the author's function; a thread per connection, kept alive between requests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        infer: Callable[[bytes], Reply],
        health: Callable[[], dict[str, Any]],
    ) -> None:
        """Bind to (host, port), port 0 for a free port. Raises OSError when the port is taken."""
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.infer = infer
        self.health = health
        self._connections: set[socket.socket] = set()
        self._active = 0
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    @property
    def port(self) -> int:
        """The port of the server."""
        return int(self.server_address[1])

    def drain(self, timeout_sec: float) -> bool:
        """Wait until no request is being answered; False after `timeout_sec`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._active == 0, timeout_sec)

    def close_connections(self, timeout_sec: float) -> None:
        """End kept-alive connections and wait until their threads have closed them."""
        deadline = time.monotonic() + timeout_sec
        with self._changed:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client was faster
                    continue
            self._changed.wait_for(
                lambda: not self._connections, max(0.0, deadline - time.monotonic())
            )

    def request_began(self) -> None:
        """Count a request as being answered."""
        with self._changed:
            self._active += 1

    def request_ended(self) -> None:
        """Count a request as answered."""
        with self._changed:
            self._active -= 1
            self._changed.notify_all()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a new connection."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that has ended."""
        super().shutdown_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a broken connection; the default prints a traceback for each client that left."""
        log.debug("connection ended early", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT_SEC
    # Head and body leave in a single packet: Nagle's algorithm would delay a second packet by 40
    # ms.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server: InferServer

    def do_GET(self) -> None:
        if self._path() == "/health":
            self._reply(HTTPStatus.OK, self.server.health())
        else:
            self._reply(HTTPStatus.NOT_FOUND, failure("only GET /health and POST /infer"))

    def do_POST(self) -> None:
        self.server.request_began()
        try:
            body = self._read_body()
            if body is None:
                return
            if self._path() == "/infer":
                self._reply(*self.server.infer(body))
            else:
                self._reply(HTTPStatus.NOT_FOUND, failure("only GET /health and POST /infer"))
            self.wfile.flush()
        finally:
            self.server.request_ended()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer errors of the base class (method, request line) as JSON, too."""
        self.close_connection = True
        self._reply(HTTPStatus(code), failure(message or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Log at debug: the calling server logs every inference already."""
        log.debug(format, *args)

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _read_body(self) -> bytes | None:
        """Read the body, or answer the error and end the connection, whose rest stays unread."""
        try:
            length = self._body_length()
        except RequestError as error:
            status = HTTPStatus.LENGTH_REQUIRED
            if "Content-Length" in self.headers:
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self.send_error(status, str(error))
            return None
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _body_length(self) -> int:
        text = self.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit()):
            raise RequestError("send the JSON body with a Content-Length")
        if int(text) > _MAX_BODY_BYTES:
            raise RequestError(f"the body is larger than {_MAX_BODY_BYTES} bytes")
        return int(text)

    def _reply(self, status: HTTPStatus, answer: dict[str, Any]) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
