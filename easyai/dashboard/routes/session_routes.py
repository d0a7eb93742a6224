"""A person logs in with a token and logs out; on the server itself nobody needs to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from easyai.api.access import Caller, CallerPart, caller_without_session, may_view
from easyai.api.json_body import JsonBody
from easyai.api.login_sessions import COOKIE, LoginSessions, csrf_token, person_named
from easyai.api.parts import RuntimePart
from easyai.api.quota import AddressRate
from easyai.api.tokens import Tokens
from easyai.db.sessions import LONGEST_SEC
from easyai.domain.actor import OPERATOR, VIEWER
from easyai.errors import BadRequestError, TooManyRequestsError, UnknownTokenError
from easyai.runtime import Runtime
from easyai.version import version

router = APIRouter(prefix="/session", include_in_schema=False)

_MOST_FAILURES: Final = 10  # wrong tokens of an address in a minute
_NOT_KEPT: Final = {"cache-control": "no-store"}


class _FailedLogins(AddressRate):
    """Counts wrong tokens."""


@router.get("")
async def session(caller: CallerPart, runtime: RuntimePart) -> JSONResponse:
    """What the caller may do, and under which name."""
    return _answer(caller, runtime)


@router.post("")
async def login(request: Request, runtime: RuntimePart, body: JsonBody) -> JSONResponse:
    """Exchange a token for a session, whose cookie the browser sends from now on."""
    sender = caller_without_session(request, runtime)
    failed = runtime.part(_FailedLogins)
    if failed.so_far(sender.address) >= _MOST_FAILURES:
        raise TooManyRequestsError("too many wrong tokens from this address; wait a minute")
    token, name = _text(body, "token"), person_named(_text(body, "name"))
    role = runtime.part(Tokens).name_of(token, sender.address) if token else ""
    if role not in (OPERATOR, VIEWER):
        failed.count(sender.address)
        raise UnknownTokenError
    caller = replace(sender, token=role, person=name)
    cookie = await runtime.part(LoginSessions).begin(caller, token)
    answer = _answer(replace(caller, cookie=cookie), runtime)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(LONGEST_SEC),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.delete("")
async def logout(caller: CallerPart, runtime: RuntimePart) -> JSONResponse:
    """End the session; the browser forgets its cookie."""
    if caller.cookie:
        await runtime.part(LoginSessions).end(caller, caller.cookie)
        caller = replace(caller, token="", person="", cookie="")
    answer = _answer(caller, runtime)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _answer(caller: Caller, runtime: Runtime) -> JSONResponse:
    is_viewer = may_view(caller, runtime)
    role = OPERATOR if caller.is_operator else VIEWER if is_viewer else None
    state = {
        "role": role,
        "name": caller.person or ("local" if caller.local else ""),
        "csrf": csrf_token(caller.cookie),
        "local": caller.local,
        "needs_login": role is None,
        "version": version(),
        "utc_offset_sec": time.localtime().tm_gmtoff,  # the server's clock, for its sentences
    }
    return JSONResponse(state, headers=_NOT_KEPT)


def _text(body: Any, name: str) -> str:
    value = body.get(name, "") if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise BadRequestError(f'{name}: send {{"token": "…", "name": "…"}}')
    return value.strip()
