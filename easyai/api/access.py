"""Access rights: this machine may do everything, another machine has the rights of its token.

Field clients send no token: they register, send heartbeats and unregister themselves without it.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from easyai.api.parts import RuntimePart
from easyai.domain.actor import FRAMES, OPERATOR, VIEWER, Actor
from easyai.errors import ForbiddenError
from easyai.runtime import Runtime
from easyai.system.ip_addresses import canonical_address, is_loopback
from easyai.system.log_throttle import LogThrottle
from easyai.system.secret_file import load_or_create

log = logging.getLogger(__name__)

# A request with any of these headers came through a proxy: its address does not show who sent it.
_FORWARDED: Final = (
    *(b"forwarded", b"x-forwarded-", b"x-original-forwarded-", b"x-real-ip", b"via"),
    *(b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip", b"cf-connecting-ip"),
)


@dataclass(frozen=True, slots=True)
class Caller(Actor):
    """The sender of a request."""

    sent_token: bool = False  # whether the token is known or not
    behind_proxy: bool = False  # behind a proxy on this machine that does not name the sender

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


class Tokens:
    """The tokens of this installation; a part of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._kept: dict[str, str] = {}
        self._throttle = LogThrottle()  # anybody on the network can cause it
        self.prepare()

    def prepare(self) -> None:
        """Make the tokens in force, unless the settings set them or an earlier call made them."""
        for name in (OPERATOR, VIEWER):
            self._token(name)

    def name_of(self, sent: str, address: str) -> str:
        """The name of the token; '' for an unknown token, which is logged."""
        for name in (OPERATOR, VIEWER, FRAMES):
            token = self._token(name)
            if token and hmac.compare_digest(token.encode(), sent.encode()):
                return name
        self._throttle.warning(log, "a token that is not known was sent: client=%s", address or "-")
        return ""

    def _token(self, name: str) -> str:
        own = self._runtime.settings.easyai
        if name == VIEWER and own.viewers == "open":
            return ""
        if name == FRAMES:
            return own.frames_token.get_secret_value()
        configured = own.viewer_token if name == VIEWER else own.operator_token
        return configured.get_secret_value() or self._made_once(name)

    def _made_once(self, name: str) -> str:
        if name not in self._kept:
            path = self._runtime.settings.easyai.data_dir / f"{name}.token"
            try:
                self._kept[name] = load_or_create(path).decode("ascii", "replace")
            except OSError as error:
                # Tried again when the token is needed next: a full disk may have space by then.
                self._throttle.warning(
                    log,
                    "no %s token for other machines: %s cannot be kept: %s; set easyai.%s_token",
                    *(name, path, error, name),
                    kind=name,
                )
        return self._kept.get(name, "")


async def _caller(request: Request, runtime: RuntimePart) -> Caller:
    sent = _bearer(request.headers.get("authorization", ""))
    address, forwarded = _address(request.scope), _is_forwarded(request.scope)
    on_this_machine = _is_on_this_machine(request.scope)
    named = "x-forwarded-for" in request.headers  # uvicorn put the header's value into the address
    return Caller(
        address=address,
        local=on_this_machine and not forwarded,
        token=runtime.part(Tokens).name_of(sent, address) if sent else "",
        sent_token=bool(sent),
        behind_proxy=on_this_machine and forwarded and not named,
    )


CallerPart = Annotated[Caller, Depends(_caller)]


async def _operator(request: Request, caller: CallerPart) -> Caller:
    if not caller.is_operator:
        raise ForbiddenError(_fault(request, caller), OPERATOR)
    return caller


async def viewer(request: Request, caller: CallerPart, runtime: RuntimePart) -> Caller:
    """A dependency: the caller, if allowed to look. Raises ForbiddenError."""
    is_open = runtime.settings.easyai.viewers == "open"
    if not (is_open or caller.is_operator or caller.token == VIEWER):
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


def _is_forwarded(scope: Scope) -> bool:
    return any(name.startswith(_FORWARDED) for name, _ in scope["headers"])


def _is_on_this_machine(scope: Scope) -> bool:
    address, server = _address(scope), scope.get("server")
    own = canonical_address(server[0]) if server else ""
    # A sender whose address is this machine's address runs on this machine.
    return is_loopback(address) or (bool(address) and address == own)
