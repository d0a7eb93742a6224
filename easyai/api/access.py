"""Access rights: this machine may do everything, another machine has the rights of its token.

A browser has the rights of the token that its person logged in with (api/login_sessions.py). Field
clients send neither: they register, send heartbeats and unregister themselves without it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import Depends, Request
from starlette.requests import HTTPConnection
from starlette.types import Scope

from easyai.api.login_sessions import COOKIE, LoginSessions, csrf_token, person_named
from easyai.api.parts import RuntimePart
from easyai.api.tokens import Tokens
from easyai.domain.actor import FRAMES, OPERATOR, VIEWER, Actor
from easyai.errors import BadRequestError, CsrfError, ForbiddenError
from easyai.runtime import Runtime
from easyai.system.ip_addresses import canonical_address, is_loopback

# A request with any of these headers came through a proxy: its address does not show who sent it.
_FORWARDED: Final = (
    *(b"forwarded", b"x-forwarded-", b"x-original-forwarded-", b"x-real-ip", b"via"),
    *(b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip", b"cf-connecting-ip"),
)
_READS: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Caller(Actor):
    """The sender of a request."""

    sent_token: bool = False  # whether the token is known or not
    behind_proxy: bool = False  # behind a proxy on this machine that does not name the sender
    cookie: str = ""  # of the session whose rights the caller has; '': of none

    @property
    def is_operator(self) -> bool:
        """Whether the caller may do everything."""
        return self.local or self.token == OPERATOR

    @property
    def source(self) -> str:
        """The address whose services are the caller's own; '': the address is not known.

        A proxy's address is the address of every sender, and of the services of this machine.
        """
        return "" if self.behind_proxy else self.address


async def caller_of(connection: HTTPConnection, runtime: Runtime) -> Caller:
    """Who sends a request or opens a WebSocket; looks a session up only for a browser's cookie.

    Raises CsrfError for a change by a session without its token, and DatabaseUnavailableError.
    """
    caller = caller_without_session(connection, runtime)
    if caller.local or caller.sent_token or "cookie" not in connection.headers:
        return caller
    cookie = connection.cookies.get(COOKIE, "")
    session = await runtime.part(LoginSessions).of(cookie)
    if session is None:
        return caller
    if connection.scope.get("method", "GET") not in _READS:
        given = connection.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), csrf_token(cookie).encode()):
            raise CsrfError
    return replace(caller, token=session.role, person=session.person, cookie=cookie)


def caller_without_session(connection: HTTPConnection, runtime: Runtime) -> Caller:
    """Who sends a request, by its address and its token alone."""
    sent = _bearer(connection.headers.get("authorization", ""))
    address, forwarded = _address(connection.scope), is_forwarded(connection.scope)
    on_this_machine = _is_on_this_machine(connection.scope)
    named = "x-forwarded-for" in connection.headers  # uvicorn put the value into the address
    local = on_this_machine and not forwarded
    return Caller(
        address=address,
        local=local,
        token=runtime.part(Tokens).name_of(sent, address) if sent else "",
        sent_token=bool(sent),
        behind_proxy=on_this_machine and forwarded and not named,
        person=_person(connection) if local else "",
    )


def _person(connection: HTTPConnection) -> str:
    """The name that a person at a browser of this machine gave; '': none that can be shown."""
    try:
        return person_named(unquote(connection.headers.get("x-person", "")))
    except BadRequestError:
        return ""


async def _caller(request: Request, runtime: RuntimePart) -> Caller:
    return await caller_of(request, runtime)


CallerPart = Annotated[Caller, Depends(_caller)]


async def _operator(request: Request, caller: CallerPart) -> Caller:
    if not caller.is_operator:
        raise ForbiddenError(_fault(request, caller), OPERATOR)
    return caller


def may_view(caller: Caller, runtime: Runtime) -> bool:
    """Whether a caller is allowed to look."""
    is_open = runtime.settings.easyai.viewers == "open"
    return is_open or caller.is_operator or caller.token == VIEWER


async def viewer(request: Request, caller: CallerPart, runtime: RuntimePart) -> Caller:
    """A dependency: the caller, if allowed to look. Raises ForbiddenError."""
    if not may_view(caller, runtime):
        runtime.part(Tokens).prepare()  # the setting may have changed since the start
        raise ForbiddenError(_fault(request, caller), VIEWER)
    return caller


OperatorPart = Annotated[Caller, Depends(_operator)]


async def _sender(request: Request, caller: CallerPart) -> Caller:
    if not (caller.is_operator or caller.token == FRAMES):
        raise ForbiddenError(_fault(request, caller), OPERATOR)
    return caller


SenderPart = Annotated[Caller, Depends(_sender)]


def _fault(request: Request, caller: Caller) -> str:
    action = request.scope["route"].name
    if caller.token:
        return f"{action}: the {caller.token}'s token is not enough"
    return f"{action}: the token is not known" if caller.sent_token else action


def _bearer(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return canonical_address(client[0]) if client else ""


def is_forwarded(scope: Scope) -> bool:
    """Whether a request has a header that proxies add."""
    return any(name.startswith(_FORWARDED) for name, _ in scope["headers"])


def _is_on_this_machine(scope: Scope) -> bool:
    address, server = _address(scope), scope.get("server")
    own = canonical_address(server[0]) if server else ""
    # A sender whose address is this machine's address runs on this machine.
    return is_loopback(address) or (bool(address) and address == own)
