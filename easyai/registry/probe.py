"""Asks services whether they live: one GET each, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from easyai.pipeline.caller import why_not_connected

PROBE_TIMEOUT_SEC = 2.0
_AT_ONCE = 100


def probe_all(urls: Mapping[int, str]) -> dict[int, str]:
    """Probe the URLs (by service pk); '' for one that lives, else why it does not.

    Any HTTP status under 500 is alive: a service without that path still answered.
    """
    return asyncio.run(_probe_all(urls)) if urls else {}


async def _probe_all(urls: Mapping[int, str]) -> dict[int, str]:
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_SEC)
    connector = aiohttp.TCPConnector(limit=_AT_ONCE, force_close=True)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        gate = asyncio.Semaphore(_AT_ONCE)
        answers = await asyncio.gather(*(_probe(session, gate, url) for url in urls.values()))
    return dict(zip(urls, answers, strict=True))


async def _probe(session: aiohttp.ClientSession, gate: asyncio.Semaphore, url: str) -> str:
    # The gate stands before the clock: a probe that waits for its turn is not a service that fails.
    async with gate:
        try:
            async with session.get(url, allow_redirects=False) as response:
                return "" if response.status < 500 else f"status {response.status}"
        except TimeoutError:
            return f"no answer within {PROBE_TIMEOUT_SEC:g} s"
        except aiohttp.ClientConnectorError as error:
            return why_not_connected(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__
