"""Bounds the answers of services, before much time goes into parsing them.

HTTP lets a server send interim answers (1xx) before the answer, and send a body in chunks of any
size. Both cost time on the loop that all calls share, and neither shows in the size of the body. A
service that sent them without end would stop the inference of all other services.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import set_exception

from easyai.domain.reason import Reason

LARGEST_ANSWER: Final = 4_000_000  # bytes of a body, decompressed
LARGEST_ON_THE_WIRE: Final = LARGEST_ANSWER + 1_000_000  # with heads and framing
LARGEST_EXPLANATION: Final = 65_536  # bytes of the body of a failing status
EXPLANATION_SEC: Final = 1.0  # how long the body of a failing status is waited for
# How JSON objects start: a brace, a byte order mark, or the first half of a brace in UTF-16.
JSON_STARTS: Final = b"{\xef\xff\xfe\0"
MOST_HEADS: Final = 16  # of interim answers and the answer itself


class BoundedResponse(ResponseHandler):
    """aiohttp's protocol of a connection; breaks off an answer without end."""

    _received = 0
    _heads = 0

    def set_response_params(self, **params: Any) -> None:
        """Reset the counts for the next request."""
        self._received = self._heads = 0
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take the head of an answer or of an interim answer."""
        self._heads += 1
        if self._heads <= MOST_HEADS:
            super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._received += len(data)
        super().data_received(data)
        if self._heads > MOST_HEADS:
            self._break_off(Reason.of("call.too_many_answers", limit=MOST_HEADS))
        elif self._received > LARGEST_ON_THE_WIRE:
            self._break_off(Reason.of("call.too_large", limit_bytes=LARGEST_ON_THE_WIRE))

    def _break_off(self, reason: Reason) -> None:
        error = aiohttp.ClientPayloadError(reason)
        self.set_exception(error)
        if self._payload is not None:
            set_exception(self._payload, error)
            self._payload = None  # keep this error, whatever error the end of the connection brings
        if self.transport is not None:
            self.transport.abort()  # not self.abort(), which would forget the error


class BoundedConnector(aiohttp.TCPConnector):
    """Connections to services."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # aiohttp has no public way to choose the protocol.
        self._factory = partial(BoundedResponse, loop=self._loop)  # type: ignore[assignment]
