"""Algorithm services that answer every request with one detection, at once or after some time.

``python -m bench.stub SERVICES INFER_MS`` listens on free loopback ports and prints them. It takes
any number of frames at the same time. It supports just enough
HTTP/1.1 for keep-alive clients, so that it takes little CPU from the measured processes.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from easyai.process.supervisor_link import die_with_parent

_END_OF_HEAD = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_DETECTION = {"bbox": [120, 80, 260, 410], "class": "person", "confidence": 0.93}
_BODY = json.dumps(
    {
        "success": True,
        "result": {"total_count": 1, "detections": [_DETECTION]},
        "confidence": 0.93,
        "inference_time_ms": 0.1,
    }
).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


class Stub(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, infer_sec: float = 0.0) -> None:
        self._infer_sec = infer_sec
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._received += data
        while (length := complete_length(self._received)) is not None:
            self._received = self._received[length:]
            if self._infer_sec:
                asyncio.get_running_loop().call_later(self._infer_sec, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        assert self._transport is not None
        self._transport.write(_ANSWER)


def complete_length(received: bytes) -> int | None:
    """Bytes of the first request, head and body; None while a part of it is missing."""
    head = received.find(_END_OF_HEAD)
    if head < 0:
        return None
    match = _CONTENT_LENGTH.search(received, 0, head)
    length = head + len(_END_OF_HEAD) + (int(match[1]) if match else 0)
    return length if len(received) >= length else None


async def serve(services: int, infer_ms: float) -> None:
    """Listen until killed; prints the ports."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Stub(infer_ms / 1000), "127.0.0.1", 0, backlog=1024)
        for _ in range(services)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
