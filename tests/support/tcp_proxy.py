"""A TCP proxy on loopback that can swallow all bytes, as a network without a route does."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from types import TracebackType

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class TcpProxy:
    """Forwards connections to a loopback port until a test calls `swallow` or `cut`."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._swallowed: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name="tcp-proxy", daemon=True)
        self._thread.start()

    def swallow(self) -> int:
        """Drop all bytes of the open connections from now on, without a reset; their number."""
        with self._lock:
            pairs, self._pairs = self._pairs, {}
            for connection in pairs:
                self._selector.unregister(connection)
            self._swallowed += pairs
        return len(pairs) // 2

    def cut(self) -> int:
        """Reset the connections there are; how many."""
        count = self.swallow()
        with self._lock:
            self._close_swallowed()
        return count

    def _close_swallowed(self) -> None:
        for connection in self._swallowed:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            connection.close()
        self._swallowed.clear()

    def _serve(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.1):
                with self._lock:
                    connection = key.fileobj
                    if connection is self._listener:
                        self._accept()
                    elif isinstance(connection, socket.socket) and connection in self._pairs:
                        self._forward(connection)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        for connection, other in ((client, server), (server, client)):
            self._pairs[connection] = other
            self._selector.register(connection, selectors.EVENT_READ)

    def _forward(self, connection: socket.socket) -> None:
        other = self._pairs[connection]
        try:
            passed = connection.recv(65536)
            if passed:
                other.sendall(passed)
        except OSError:
            passed = b""
        if not passed:
            for end in (connection, other):
                self._selector.unregister(end)
                self._pairs.pop(end)
                end.close()

    def close(self) -> None:
        """Cut everything and stop listening."""
        self._ended = True
        self._thread.join(5)
        self.cut()
        self._selector.close()
        self._listener.close()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
