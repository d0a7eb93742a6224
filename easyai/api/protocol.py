"""The HTTP/1.1 of the API server: uvicorn's, with errors in the contract's shape."""

from __future__ import annotations

import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_REMEDY = (
    "percent-encode everything in the path and the query that is not ASCII, and send a Host and "
    "the right Content-Length"
)


class ContractProtocol(H11Protocol):
    """Answers ``{"error": …}`` also to what is no HTTP and so never reaches the app."""

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
