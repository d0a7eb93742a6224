"""The named check of picture links: what an algorithm is sent can be fetched."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from easyai.domain.words import Words
from easyai.health.checks.check import NotWellError
from easyai.messages.reasons import reason as said
from easyai.pipeline.caller import why_not_connected
from easyai.runtime import Runtime

_TIMEOUT_SEC: Final = 3.0
_LINK_SEC: Final = 60.0
_MOST_BYTES: Final = 2000
# No camera writes it: the answer to its link is that there is no such picture.
_KEY: Final = "easyai-check/easyai-check/no-such-picture.jpg"


class PicturesCheck:
    """A signed link, tried from here as an algorithm would, is honoured.

    The picture does not exist: the right answer is 404, which only the server that knows our
    secret, or the object store that knows our key, gives to a link that is signed.
    """

    name = "pictures"
    limit_sec = 5.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise NotWellError with where the link leads and what came back."""
        url = self._runtime.store.url(_KEY, _LINK_SEC)
        reason = asyncio.run(self._try(url))
        if reason is not None:
            # Never the link itself: it is signed.
            parts = urlsplit(url)
            where = f"{parts.scheme}://{parts.netloc}"
            raise NotWellError(Words(f"{where}: {reason.en}", f"{where}：{reason.zh}"))

    async def _try(self, url: str) -> Words | None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SEC)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url) as answer,
            ):
                body = await answer.content.read(_MOST_BYTES)
                return self._judge(answer.status, body)
        except TimeoutError:
            return Words(f"no answer within {_TIMEOUT_SEC:g} s", f"{_TIMEOUT_SEC:g} 秒内没有应答")
        except aiohttp.ClientConnectorError as error:
            reason = why_not_connected(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = type(error).__name__
        return said(reason)

    def _judge(self, status: int, body: bytes) -> Words | None:
        ours = self._runtime.store.remote or b'"error"' in body
        if status == 200 or (status == 404 and ours):
            return None
        if status == 403:
            return Words(
                "our signature is refused: another secret_key there, or a wrong clock",
                "签名被拒绝：对方使用了不同的 secret_key，或时钟不准",
            )
        if status == 404:
            return Words(
                "another program answers there; set easyai.public_url to this server's address",
                "该地址上是其他程序；请把 easyai.public_url 设为本服务器的地址",
            )
        return Words(f"status {status}", f"状态码 {status}")
