"""Bounds request bodies, with or without a Content-Length."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from easyai.errors import BodyTooLargeError

BODY_LIMIT_BYTES: Final = 1_000_000
#: A picture in full; only POST /frames takes one, of a sender with a token.
PICTURE_LIMIT_BYTES: Final = 20_000_000
PICTURE_TYPES: Final = ("image/jpeg", "image/png")
_PICTURES: Final = "/api/v1/frames"
# A client that is still sending would get a reset instead of the answer: so many bytes are read and
# thrown away first.
_DISCARD_BYTES: Final = 4_000_000


class BodyLimit:
    """An ASGI middleware: reading a body above the limit raises BodyTooLargeError."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request with a bounded body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        takes_picture = scope["path"].rstrip("/") == _PICTURES and is_picture(Headers(scope=scope))
        limit = PICTURE_LIMIT_BYTES if takes_picture else self._limit
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                await _discard(message, receive)
                raise BodyTooLargeError(f"body: larger than {limit} bytes; send less at once")
            return message

        await self._app(scope, bounded, send)


def is_picture(headers: Headers) -> bool:
    """Whether the Content-Type names a picture."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in PICTURE_TYPES


async def _discard(message: Message, receive: Receive) -> None:
    discarded = 0
    while message.get("more_body", False) and discarded < _DISCARD_BYTES:
        message = await receive()
        discarded += len(message.get("body", b""))
