"""A server on loopback that answers as a test's script says, byte for byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from easyai.s3.client import Keys, S3Client
from easyai.s3.endpoint import Endpoint
from easyai.s3.s3_connection import Limits

LIMITS: Final = Limits(connect_sec=2.0, read_sec=5.0, total_sec=10.0)
KEYS: Final = Keys("camera", "topsecret")


class Talk:
    """A connection of a client, as the server sees it."""

    def __init__(self, sock: socket.socket, server: ScriptedServer, number: int) -> None:
        self._socket = sock
        self._file = sock.makefile("rb")
        self._server = server
        self.number = number  # of the connection, from 1

    def request(self) -> str:
        """The next request: its method and target; '' when the client has gone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            if not line:
                return ""
            head += line
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")),
            0,
        )
        self._file.read(length)
        self._server.heads.append(head.decode())
        asked = " ".join(head.decode().split(" ")[:2])
        self._server.requests.append((self.number, asked))
        return asked

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)


class ScriptedServer:
    """Runs a script for each connection; `requests` are connection, method and target."""

    def __init__(
        self,
        script: Callable[[Talk], None],
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[tuple[int, str]] = []
        self.heads: list[str] = []
        self._script, self._tls = script, tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self.port = self._socket.getsockname()[1]
        self.endpoint = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._talks: list[tuple[socket.socket, threading.Thread]] = []
        self._thread = threading.Thread(target=self._accept)

    def client(self, limits: Limits = LIMITS, endpoint: str = "") -> S3Client:
        """A client of the server."""
        address = Endpoint.parse(endpoint or self.endpoint, secure=self._tls is not None)
        return S3Client(address, "frames", "us-east-1", KEYS, limits)

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return len(self._talks)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            number = len(self._talks) + 1
            thread = threading.Thread(target=self._talk, args=(sock, number))
            self._talks.append((sock, thread))
            thread.start()

    def _talk(self, sock: socket.socket, number: int) -> None:
        with suppress(OSError):  # the client has gone
            # A copy, which TLS takes over: the socket itself ends the talk from another thread.
            own = sock.dup()
            if self._tls is not None:
                own = self._tls.wrap_socket(own, server_side=True)
            with own:
                self._script(Talk(own, self, number))
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
        for sock, thread in self._talks:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            sock.close()


def answer(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """An answer with the length of its body, unless `headers` state another."""
    shown = {"Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
    return f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode() + body


def refused(status: int, code: str, **headers: str) -> bytes:
    """A refusal as S3 sends it."""
    body = f"<Error><Code>{code}</Code><Message>words</Message></Error>"
    return answer(body.encode(), status, **headers)


def always(data: bytes) -> Callable[[Talk], None]:
    """A script that gives the same answer to each request."""

    def script(talk: Talk) -> None:
        while talk.request():
            talk.send(data)

    return script
