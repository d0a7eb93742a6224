"""The named check of picture links: algorithms can fetch the pictures they are sent."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from easyai.domain.reason import Reason, quoted
from easyai.health.checks.named_check import NotWellError
from easyai.runtime import Runtime
from easyai.service_http.connection_reasons import why_not_connected

_TIMEOUT_SEC: Final = 3.0
_LINK_SEC: Final = 60.0
_MOST_BYTES: Final = 2000
# No camera writes this key, so the answer to its link must be 404.
_KEY: Final = "easyai-check/easyai-check/no-such-picture.jpg"


class PicturesCheck:
    """A signed link works when it is fetched from here, as an algorithm would fetch it.

    The picture does not exist, so the right answer is 404. Only the server that knows our secret,
    or the object store that knows our key, answers 404 to a signed link.
    """

    name = "pictures"
    limit_sec = 5.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise NotWellError with the address of the link and the answer."""
        url = self._runtime.store.url(_KEY, _LINK_SEC)
        reason = asyncio.run(self._try(url))
        if reason is not None:
            # Never show the link itself: it is signed.
            parts = urlsplit(url)
            where = f"{parts.scheme}://{parts.netloc}"
            raise NotWellError(Reason.of("pictures.link_fails", where=where, why=reason))

    async def _try(self, url: str) -> Reason | None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SEC)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url) as answer,
            ):
                body = await answer.content.read(_MOST_BYTES)
                return self._judge(answer.status, body)
        except TimeoutError:
            return Reason.of("pictures.timed_out", within_sec=_TIMEOUT_SEC)
        except aiohttp.ClientConnectorError as error:
            return why_not_connected(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return quoted(type(error).__name__)

    def _judge(self, status: int, body: bytes) -> Reason | None:
        ours = self._runtime.store.remote or b'"error"' in body
        if status == 200 or (status == 404 and ours):
            return None
        if status == 403:
            return Reason("pictures.signature_refused")
        if status == 404:
            return Reason("pictures.another_program")
        return Reason.of("pictures.status", status=status)
