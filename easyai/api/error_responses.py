"""Every error leaves the API as ``{"error": "..."}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from easyai.errors import BusyError, EasyaiError
from easyai.health.checks.named_check import error_for_client

log = logging.getLogger(__name__)

# The connection is closed after a body that is too large: the rest is not worth reading.
_HEADERS = {413: {"connection": "close"}, 429: {"retry-after": "60"}}
_LONGEST_INPUT = 60  # characters of a wrong value in the error about it


def error_response(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error in the contract's shape; half surrogate pairs, which JSON forbids, become '?'."""
    text = message.encode("utf-8", "replace").decode()
    return JSONResponse({"error": text}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Give our own errors, the router's errors and validation errors the contract's shape."""
    app.add_exception_handler(EasyaiError, own_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_middleware(LastResort)


class LastResort:
    """Answers 500 to errors without a handler: details go to the log, never to the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request; an ASGI middleware."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.debug("client went away: %s %r", scope["method"], scope["path"])
        except Exception:
            # Log the path only: a query may hold a signature.
            log.exception("request failed: %s %r", scope["method"], scope["path"])
            if started:
                raise
            response = error_response(500, "internal error; the server's log has the details")
            await response(scope, receive, send)


async def own_error(request: Request, error: Exception) -> JSONResponse:
    """The answer to one of our own errors."""
    status = error.http_status if isinstance(error, EasyaiError) else 500
    if status >= 500 and not isinstance(error, BusyError):  # its gate logs it
        log.warning("%s %r: %s", request.method, request.scope["path"], error)
    headers = {"retry-after": "5"} if isinstance(error, BusyError) else _HEADERS.get(status)
    message = str(error_for_client(error)) if isinstance(error, EasyaiError) else str(error)
    return error_response(status, message, headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    message = str(error.detail)
    if error.status_code == 404:
        message = f"no such path: {request.scope['path']!r}; the calls are described under /docs"
    elif error.status_code == 405:
        # The router names the methods of a single route of the path.
        allowed = request.app.state.methods.allowed(request.scope["path"])
        return _wrong_method(request.method, allowed or (error.headers or {}).get("Allow", ""))
    return error_response(error.status_code, message, error.headers)


def _wrong_method(method: str, allowed: str) -> JSONResponse:
    message = f"{method} is not possible here, only {allowed or 'other methods'}"
    return error_response(405, message, {"allow": allowed} if allowed else None)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    allowed = request.app.state.methods.allowed(request.scope["path"])
    if allowed and request.method not in allowed.split(", "):
        # GET /alerts/batch_delete matches /alerts/{id}, but batch_delete is no id.
        return _wrong_method(request.method, allowed)
    return error_response(400, "; ".join(_explained(item) for item in error.errors()))


def _explained(item: Mapping[str, Any]) -> str:
    # The location starts with the part of the request: query, path, body.
    field = ".".join(str(part) for part in item["loc"][1:]) or "body"
    message = str(item["msg"]).removeprefix("Value error, ")
    given = repr(item.get("input"))
    if len(given) > _LONGEST_INPUT:
        given = given[:_LONGEST_INPUT] + "…"
    return f"{field}: {message} (got {given})"
