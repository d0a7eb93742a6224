"""Algorithm services that misbehave below HTTP: bytes on a socket, as scripted by a test."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

from tests.support.algorithm_stub import AlgorithmStub

Talk = Callable[[socket.socket], None]


class RawService:
    """Accepts connections, reads a request of each and hands the socket to ``talk``.

    GET requests (probes) are answered with 200 unless ``probes`` is false: then they meet ``talk``.
    """

    def __init__(self, service_id: str, talk: Talk, *, probes: bool = True) -> None:
        self._talk = talk
        self._probes = probes
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        self.face = AlgorithmStub(service_id, port=self.port)  # never started: it only registers
        self.requests = 0  # with a frame
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> RawService:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            if _read_request(connection).startswith(b"GET") and self._probes:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            self.requests += 1
            self._talk(connection)


def _read_request(connection: socket.socket) -> bytes:
    """A request with its body: closing on unread bytes would reset the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return data
        data += chunk
        if data.startswith(b"\x16"):  # a ClientHello of TLS
            return data
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length and (chunk := connection.recv(65536)):
        body += chunk
    return data


def answer(
    body: bytes, *, length: int | None = None, status: str = "200 OK", head: str = ""
) -> bytes:
    """An HTTP answer; ``length`` is the claimed Content-Length."""
    claimed = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {claimed}\r\n\r\n".encode() + body


def drip(connection: socket.socket, data: bytes, pause_sec: float) -> None:
    """Send the bytes singly."""
    for number in range(len(data)):
        connection.sendall(data[number : number + 1])
        time.sleep(pause_sec)
