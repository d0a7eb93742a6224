"""``python -m bench.beats PORT SERVICES CONNECTIONS SECONDS``: heartbeats without a pause.

Each connection is kept open and has one heartbeat on its way. Prints a JSON line at the end.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from statistics import quantiles

from bench.stub import complete_length
from easyai.process.supervisor_link import die_with_parent

_OK = b"HTTP/1.1 200 "
_HEAD = (
    "POST /api/v1/ai_analysis/heartbeat/{service} HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\nContent-Length: 0\r\n\r\n"
)


class Beats:
    """Open connections; the services take turns."""

    def __init__(self, port: int, services: int, connections: int) -> None:
        self._requests = [
            _HEAD.format(service=f"service-{number}", port=port).encode()
            for number in range(services)
        ]
        self._selector = selectors.DefaultSelector()
        self._sent_at: dict[socket.socket, float] = {}
        self._received: dict[socket.socket, bytes] = {}
        self._sent = 0
        self.waits_sec: list[float] = []
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ)
            self._send(connection)

    def run(self, seconds: float) -> None:
        """Send the next heartbeat after each answer; exits at an answer other than 200."""
        self.waits_sec.clear()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in self._selector.select(1.0):
                assert isinstance(key.fileobj, socket.socket)
                self._receive(key.fileobj)

    def _receive(self, connection: socket.socket) -> None:
        received = self._received[connection] + connection.recv(65_536)
        self._received[connection] = received
        if complete_length(received) is None and received:
            return
        if not received.startswith(_OK):
            sys.exit(f"a heartbeat was answered with {received[:200]!r}")
        self.waits_sec.append(time.monotonic() - self._sent_at[connection])
        self._send(connection)

    def _send(self, connection: socket.socket) -> None:
        self._received[connection] = b""
        self._sent_at[connection] = time.monotonic()
        connection.sendall(self._requests[self._sent % len(self._requests)])
        self._sent += 1


def main() -> None:
    """Warm up, then measure when a line arrives on stdin."""
    port, services, connections, seconds = (int(word) for word in sys.argv[1:])
    beats = Beats(port, services, connections)
    beats.run(1.0)
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, began = time.process_time(), time.monotonic()
    beats.run(seconds)
    took = time.monotonic() - began
    answer = {
        "count": len(beats.waits_sec),
        "seconds": took,
        "client_cpu_seconds": time.process_time() - cpu,
        "p99_ms": quantiles(beats.waits_sec, n=100)[98] * 1000,
    }
    print(json.dumps(answer), flush=True)
    time.sleep(3600)  # until it is killed, because its exit would count as a failure


if __name__ == "__main__":
    die_with_parent()
    main()
