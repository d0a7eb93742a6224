"""Large JSON answers are compressed for clients that accept gzip, and nothing else is."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Sequence

import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Scope

from easyai.api.compression import Compression

LARGE = {"items": ["门口2, an alert"] * 1000}
HUGE = {"items": ["门口2, an alert"] * 10_000}


def _answered(response: Response, *asked: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body of an answer to a client with these Accept-Encoding headers."""
    headers = [(b"accept-encoding", each.encode()) for each in asked]
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Compression(response)(scope, receive, send))
    head, *bodies = sent
    named = {name.decode(): value.decode() for name, value in head["headers"]}
    return named, b"".join(body.get("body", b"") for body in bodies)


@pytest.mark.parametrize("content", [LARGE, HUGE], ids=["on the loop", "in a thread"])
def test_large_json_is_compressed(content: dict[str, Sequence[str]]) -> None:
    headers, body = _answered(JSONResponse(content), "deflate, gzip;q=0.5")
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert headers["content-length"] == str(len(body))
    assert len(body) < len(JSONResponse(content).body) / 4
    assert json.loads(gzip.decompress(body)) == content


@pytest.mark.parametrize("asked", ["", "deflate, br", "gzip;q=0", "gzip; q=0.0", "x-gzip"])
def test_client_that_does_not_accept_gzip_gets_plain_json(asked: str) -> None:
    headers, body = _answered(JSONResponse(LARGE), asked)
    assert "content-encoding" not in headers
    assert json.loads(body) == LARGE


@pytest.mark.parametrize(
    "response",
    [
        JSONResponse({"ok": True}),
        JSONResponse({"items": "x" * 9_900}),
        Response(b"x" * 20_000, media_type="image/jpeg"),
        Response(b"x" * 20_000),
        Response(b"{}" * 10_000, headers={"etag": '"1"'}, media_type="application/json"),
        Response(b"x" * 20_000, headers={"content-encoding": "br"}, media_type="application/json"),
        StreamingResponse(iter([b"x" * 20_000] * 2), media_type="application/json"),
        Response(status_code=304, media_type="application/json"),
    ],
)
def test_other_answers_are_not_changed(response: Response) -> None:
    plain = _answered(response)
    if isinstance(response, StreamingResponse):
        response = StreamingResponse(iter([b"x" * 20_000] * 2), media_type="application/json")
    assert _answered(response, "gzip") == plain
