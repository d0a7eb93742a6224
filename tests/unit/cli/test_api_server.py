"""The API's server ends at once when a signal arrives, though it looks once a second only."""

from __future__ import annotations

import asyncio
import signal
import time

import uvicorn

from easyai.cli.api_server import ApiServer


class _Ticking(ApiServer):
    """Counts its looks instead of serving."""

    looks = 0

    async def on_tick(self, counter: int) -> bool:
        self.looks += 1
        return await super().on_tick(counter)


async def _nothing(*_: object) -> None:
    """An application that is never called."""


def _server() -> _Ticking:
    return _Ticking(uvicorn.Config(_nothing, log_config=None))


def test_server_looks_once_a_second() -> None:
    server = _server()

    async def run() -> None:
        loop = asyncio.create_task(server.main_loop())
        await asyncio.sleep(1.2)
        server.handle_exit(signal.SIGTERM, None)
        await loop

    asyncio.run(run())
    assert server.looks == 3


def test_server_ends_at_once_when_a_signal_arrives() -> None:
    server = _server()

    async def run() -> float:
        loop = asyncio.create_task(server.main_loop())
        await asyncio.sleep(0.05)
        asked_at = time.monotonic()
        server.handle_exit(signal.SIGTERM, None)
        await loop
        return time.monotonic() - asked_at

    assert asyncio.run(run()) < 0.5


def test_signal_before_the_main_loop_ends_the_server() -> None:
    server = _server()
    server.handle_exit(signal.SIGTERM, None)
    asyncio.run(server.main_loop())
    assert server.looks == 1
