"""The HTTP clients of plain Celery: requests, which its users take, and aiohttp."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
import requests

_TIMEOUT_SEC = 30.0


class Caller(Protocol):
    """Keeps connections, for a single thread."""

    def post(self, url: str, question: dict[str, Any]) -> Any:
        """The JSON of an answer to a JSON question."""


class RequestsCaller:
    """A session of requests."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # do not read proxy variables and .netrc for every request

    def post(self, url: str, question: dict[str, Any]) -> Any:
        """The JSON of an answer to a JSON question."""
        return self._session.post(url, json=question, timeout=_TIMEOUT_SEC).json()


class AiohttpCaller:
    """A session of aiohttp on an event loop of the thread; a task waits for its own answer."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None

    def post(self, url: str, question: dict[str, Any]) -> Any:
        """The JSON of an answer to a JSON question."""
        return self._loop.run_until_complete(self._post(url, question))

    async def _post(self, url: str, question: dict[str, Any]) -> Any:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SEC)
            self._session = aiohttp.ClientSession(timeout=timeout)
        async with self._session.post(url, json=question) as answer:
            return await answer.json()


_CALLERS: dict[str, Callable[[], Caller]] = {"requests": RequestsCaller, "aiohttp": AiohttpCaller}
_own = threading.local()


def caller(library: str) -> Caller:
    """The caller of this thread; `library` is 'requests' or 'aiohttp'."""
    kept: Caller | None = getattr(_own, "caller", None)
    if kept is None:
        kept = _own.caller = _CALLERS[library]()
    return kept
