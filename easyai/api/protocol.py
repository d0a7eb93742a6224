"""The HTTP/1.1 of the API server: uvicorn's, with errors in the contract's shape.

Operators' documents call with raw UTF-8 (`curl '…/alerts?task_type=人数统计'`), and curl and Go
send these bytes unchanged. h11 refuses raw bytes, so this module percent-encodes them first.
"""

from __future__ import annotations

import json
import re
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_REMEDY: Final = (
    "percent-encode blanks and control characters in the path and the query, and send a Host and "
    "the right Content-Length"
)
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")


class ContractProtocol(H11Protocol):
    """Takes raw UTF-8 in a request's target; answers ``{"error": …}`` also to invalid HTTP."""

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        # Idle: a request line or headers come, never a body. A request that a client sends before
        # the answer to the last request is not looked at: h11 refuses its raw bytes.
        if not data.isascii() and self.conn.their_state is h11.IDLE:
            data = encode_target(self.conn.trailing_data[0], data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed, and close the connection."""
        body = json.dumps({"error": f"{msg.rstrip('.')}: {_REMEDY}"}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def encode_target(before: bytes, data: bytes) -> bytes:
    """The next bytes of a request, with the bytes above 127 in its target percent-encoded.

    `before`: the bytes of the request that have already arrived. Encoding works byte by byte, so
    the network may cut anywhere; the length stays within h11's limit for a request's head.
    """
    if b"\n" in before:
        return data  # headers
    line, newline, rest = data.partition(b"\n")
    method, blank, target = (b"", b"", line) if b" " in before else line.partition(b" ")
    encoded = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], target)
    return b"".join((method, blank, encoded, newline, rest))
