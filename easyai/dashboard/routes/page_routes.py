"""The page, and the files that it loads."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from easyai.api.compression import accepts_gzip
from easyai.dashboard.static_files import Shelf, StaticFile

router = APIRouter(include_in_schema=False)

_INDEX: Final = "index.html"
_HOST: Final = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?", re.ASCII)
_METHODS: Final = ["GET", "HEAD"]


@router.api_route("/", methods=_METHODS)
async def page(request: Request) -> Response:
    """The page; its parts are routed in the browser, behind '#'."""
    return await _answer(request, _INDEX)


@router.api_route("/static/{name:path}", methods=_METHODS)
async def static_file(request: Request, name: str) -> Response:
    """A file of the page."""
    return await _answer(request, name)


async def _answer(request: Request, name: str) -> Response:
    shelf: Shelf = request.app.state.shelf
    found = await run_in_threadpool(shelf.take, name)
    if found is None:
        raise HTTPException(404)
    headers = _headers(request.headers.get("host", ""), found)
    tags = request.headers.get("if-none-match", "")
    if found.tag in (each.strip() for each in tags.split(",")) or tags.strip() == "*":
        return Response(None, 304, headers)
    if found.packed and accepts_gzip(request.headers):
        return Response(found.packed, 200, headers | {"content-encoding": "gzip"})
    return Response(found.plain, 200, headers)


def _headers(host: str, found: StaticFile) -> dict[str, str]:
    return {
        "content-type": found.media_type,
        "etag": found.tag,
        "cache-control": "no-cache",  # kept, and asked for again each time: 304 in most cases
        "vary": "Accept-Encoding",
        "content-security-policy": policy(host),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


def policy(host: str) -> str:
    """What the page may load and call: this server alone; `host`: the request's Host header.

    Some browsers do not take WebSockets of the same host for 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
