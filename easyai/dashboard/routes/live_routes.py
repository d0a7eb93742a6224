"""The live state over a WebSocket: a tab gets the whole state, then what changes each second."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from easyai.api.access import Caller, caller_of, may_view
from easyai.api.protocol import SOCKET_PATH
from easyai.dashboard.live_feed import Tab
from easyai.dashboard.live_hub import LiveHub
from easyai.errors import EasyaiError
from easyai.messages.catalogue import ENGLISH, languages
from easyai.system.ip_addresses import network_of

router = APIRouter()

# Codes of the end of a WebSocket.
_NOTHING_TO_SEND: Final = 1003
_LATER: Final = 1013
_NO_RIGHTS: Final = 4401  # log in, or log in again

_CHECK_EVERY_SEC: Final = 2.0


@router.websocket(SOCKET_PATH)
async def live(websocket: WebSocket) -> None:
    """Serve a tab until it goes, or until its session ends."""
    hub: LiveHub = websocket.app.state.live
    await websocket.accept()  # only after the handshake does a browser show the code of an end
    try:
        caller = await caller_of(websocket, websocket.app.state.runtime)
    except EasyaiError:
        await websocket.close(_LATER)
        return
    if not may_view(caller, websocket.app.state.runtime):
        await websocket.close(_NO_RIGHTS)
        return
    source = _source(caller)
    if not hub.has_place(source, _kept(caller)):
        await websocket.close(_LATER, "too many tabs")
        return
    wanted = websocket.query_params.get("lang", "")
    language = wanted if wanted in languages() else ENGLISH
    tab = hub.join(language, websocket.query_params.get("since", ""), source)
    try:
        await _serve(websocket, tab)
    finally:
        hub.leave(tab)


def _source(caller: Caller) -> str:
    """Whose tabs share places: those of a session, for a gateway is the address of many people."""
    return "" if caller.local else caller.cookie or network_of(caller.source)


def _kept(caller: Caller) -> int:
    """How many tenths of all tabs are for others: sessions of viewers cannot take all of them."""
    return 0 if caller.local else 1 if caller.is_operator else 2


async def _serve(websocket: WebSocket, tab: Tab) -> None:
    receiving = asyncio.create_task(_received(websocket))
    sending = asyncio.create_task(_send(websocket, tab))
    tasks = (receiving, sending)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    code = next((task.result() for task in tasks if not task.cancelled()), None)
    if code is not None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the browser has gone meanwhile
            await websocket.close(code)


async def _received(websocket: WebSocket) -> int | None:
    """Wait until the browser has gone, or sends something, which it has no reason to."""
    message = await websocket.receive()
    return None if message["type"] == "websocket.disconnect" else _NOTHING_TO_SEND


async def _send(websocket: WebSocket, tab: Tab) -> int | None:
    """Send what comes for the tab until it may no longer see it, or has gone."""
    check_at = time.monotonic() + _CHECK_EVERY_SEC
    while True:
        message = None
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, check_at - time.monotonic())):
                message = await tab.take()
        if time.monotonic() >= check_at:
            if not await _still_may_view(websocket):
                return _NO_RIGHTS
            check_at = time.monotonic() + _CHECK_EVERY_SEC
        if message is not None:
            try:
                await websocket.send_text(message)
            except WebSocketDisconnect:
                return None


async def _still_may_view(websocket: WebSocket) -> bool:
    """Whether the tab may go on; a tab stays while the database does not answer."""
    runtime = websocket.app.state.runtime
    try:
        return may_view(await caller_of(websocket, runtime), runtime)
    except EasyaiError:
        return True
