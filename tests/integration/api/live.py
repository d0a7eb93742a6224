"""The API over real HTTP: uvicorn in a thread, on a free loopback port."""

from __future__ import annotations

import json
import logging
import signal
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, Self

import requests
import uvicorn
from starlette.types import ASGIApp

from easyai.api.connections import ConnectionLimits, bounded
from easyai.api.web_sockets import socket_options
from easyai.cli.api_server import ApiServer
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ANALYSIS = "/api/v1/ai_analysis"
ALERTS = "/api/v1/alerts"


@dataclass
class RecordingDoorbell:
    """Records the types for which workers were woken."""

    rung: list[str] = field(default_factory=list)

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Record the types."""
        self.rung.extend(task_types)

    def close(self) -> None:
        """Nothing waits to be sent."""


class LiveApi:
    """A running API; requests go through a single session."""

    def __init__(
        self, app: ASGIApp, limits: ConnectionLimits | None = None, http: Any = None
    ) -> None:
        """`http`: the protocol of the connections, instead of the API's own."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = ApiServer(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=self.port,
                http=http or bounded(limits or ConnectionLimits(1000)),
                access_log=False,
                log_config=None,
                **socket_options(),
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="live-api")
        self._session = requests.Session()
        logging.getLogger("uvicorn").setLevel(logging.WARNING)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request; the path goes out as requests writes it."""
        return self._session.request(method, self.url + path, timeout=15, **options)

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of a GET that must succeed."""
        response = self.call("GET", path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON of a POST that must succeed."""
        response = self.call("POST", path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def error(self, status: int, method: str, path: str, **options: Any) -> str:
        """The error text of a request that must fail with `status`, in the contract's shape."""
        response = self.call(method, path, **options)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        body = response.json()
        assert list(body) == ["error"]
        return str(body["error"])

    def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes as they are; status, headers and body of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as answer:
                status, headers = _head(answer)
                while status < 200:  # 100 Continue: the answer follows
                    status, headers = _head(answer)
                head = request.startswith(b"HEAD ")
                body = b"" if head else answer.read(int(headers.get("content-length", 0)))
        return status, headers, body

    def raw_get(self, target: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Request a target exactly as given: client libraries would rewrite it."""
        text = f"{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        return self.raw(text.encode())

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, 15, "the API listens")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the API; no harm when it has stopped."""
        self._session.close()
        if self._thread.is_alive():
            self._server.handle_exit(signal.SIGTERM, None)
            self._thread.join(15)
        assert not self._thread.is_alive()


def _head(answer: BinaryIO) -> tuple[int, dict[str, str]]:
    status = int(answer.readline().split()[1])
    headers = {}
    while line := answer.readline().strip():
        name, _, value = line.decode("latin-1").partition(": ")
        headers[name.lower()] = value
    return status, headers


def error_of(body: bytes) -> str:
    """The error text of a raw answer."""
    parsed = json.loads(body)
    assert list(parsed) == ["error"]
    return str(parsed["error"])
