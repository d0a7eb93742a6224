"""The WebSockets of the API server: uvicorn's, whose end never waits for a browser."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from easyai.api.shared_deflate import SharedDeflateFactory

_LAST_BYTES_SEC: Final = 5.0
_PING_SEC: Final = 20.0  # between two pings; the limit for the answer to a ping
_MOST_BYTES: Final = 4096  # of a message from a browser, which has nothing to send


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is closed although the browser does not read."""

    def __init__(self, deflate: SharedDeflateFactory, **options: Any) -> None:
        """`deflate`: the compression of the server's messages; `options` are uvicorn's."""
        super().__init__(**options)
        self.conn.available_extensions = [deflate]

    def shutdown(self) -> None:
        """Close, as the server stops."""
        super().shutdown()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # close() would wait for the browser to read

    def keepalive_timeout(self) -> None:
        """Close the connection of a browser that has not answered a ping."""
        super().keepalive_timeout()
        self.transport.abort()

    async def run_asgi(self) -> None:
        """Run the application; a browser that does not read has some seconds for the last bytes."""
        await super().run_asgi()
        self.loop.call_later(_LAST_BYTES_SEC, self.transport.abort)


def socket_options() -> dict[str, Any]:
    """The options of uvicorn for WebSockets."""
    return {
        "ws": partial(BoundedSocket, SharedDeflateFactory()),
        "ws_max_size": _MOST_BYTES,
        "ws_ping_interval": _PING_SEC,
        "ws_ping_timeout": _PING_SEC,
        "ws_per_message_deflate": False,  # but `BoundedSocket` has its own
    }
