"""Compresses large JSON answers for clients that accept gzip: a page of alerts to a fifth.

Pictures are compressed already, and small answers gain nothing.
"""

from __future__ import annotations

import gzip
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LEAST_BYTES: Final = 10_000
_LEVEL: Final = 1  # level 6 saves another tenth, in three times the time
# Above this size a thread compresses: on a slow machine the event loop would stand still.
_MOST_BYTES_ON_THE_LOOP: Final = 50_000


class Compression:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request; its answer is compressed where this is useful."""
        if scope["type"] == "http" and accepts_gzip(Headers(scope=scope)):
            send = _Compressed(send).send
        await self._app(scope, receive, send)


def zipped(answer: Response) -> bytes | None:
    """The body of an answer in gzip, for several clients; None where the answer stays as it is."""
    plain = bytes(answer.body)
    if len(plain) < _LEAST_BYTES or not _is_json(answer.headers):
        return None
    return gzip.compress(plain, _LEVEL)


def accepts_gzip(asked: Headers) -> bool:
    """Whether the client takes gzip; `asked`: the headers of its request."""
    for coding in asked.get("accept-encoding", "").lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";")
        if name == "gzip":
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class _Compressed:
    """Sends an answer on; holds the head of a JSON answer until its body is here."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Send a message of the answer, or hold it."""
        if message["type"] == "http.response.start" and _is_json(Headers(raw=message["headers"])):
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            # An answer in several pieces goes on as it is: its size is not known.
            if not message.get("more_body", False):
                await _compress(head, message)
            await self._send(head)
        await self._send(message)


def _is_json(headers: Headers) -> bool:
    """Whether the answer is JSON that may be compressed; a file with an entity tag may not."""
    kind = headers.get("content-type", "")
    return kind == "application/json" and not {"content-encoding", "etag"} & set(headers)


async def _compress(head: Message, body: Message) -> None:
    """Compress the body of an answer, if it is large."""
    plain: bytes = body.get("body", b"")
    if len(plain) < _LEAST_BYTES:
        return
    if len(plain) > _MOST_BYTES_ON_THE_LOOP:
        body["body"] = await run_in_threadpool(gzip.compress, plain, _LEVEL)
    else:
        body["body"] = gzip.compress(plain, _LEVEL)
    headers = MutableHeaders(raw=head["headers"])
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(body["body"]))
    headers.add_vary_header("Accept-Encoding")
