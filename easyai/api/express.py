"""The express lane: heartbeats and pictures are answered ahead of the framework's routing.

Services send thousands of heartbeats a second, and each inference fetches its picture here. Most of
their cost would be routing, dependencies and validation. The lane calls the endpoints of the
routes, which stay in the OpenAPI document, behind the same guards.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from easyai.api.error_responses import own_error
from easyai.api.heartbeat_lane import HEARTBEAT_PATH
from easyai.api.routes.files_routes import picture
from easyai.api.routes.registry_routes import heartbeat
from easyai.errors import EasyaiError
from easyai.store.signing import FILES_PATH

_PICTURE: Final = f"{FILES_PATH}/"
_READS: Final = ("GET", "HEAD")


class ExpressLane:
    """An ASGI middleware: answers heartbeats and pictures, passes the rest on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request here, or pass it on."""
        if scope["type"] != "http" or scope.get("root_path"):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if method == "POST" and path.startswith(HEARTBEAT_PATH):
            answer = _heartbeat
        elif method in _READS and path.startswith(_PICTURE):
            answer = _picture
        else:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await answer(request, path)
        except EasyaiError as error:
            response = await own_error(request, error)
        await response(scope, receive, send)


async def _heartbeat(request: Request, path: str) -> Response:
    return await heartbeat(path[len(HEARTBEAT_PATH) :], request, request.app.state.heartbeats)


async def _picture(request: Request, path: str) -> Response:
    query = QueryParams(request.scope["query_string"])
    return await picture(
        request,
        key=path[len(_PICTURE) :],
        runtime=request.app.state.runtime,
        expires=query.get("expires", ""),
        signature=query.get("signature", ""),
    )
