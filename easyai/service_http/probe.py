"""Probes services with a GET request each, many services at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from http import HTTPStatus

import aiohttp

from easyai.domain.reason import NO_REASON, Reason, quoted
from easyai.domain.service import NO_ANSWER, NO_CONNECTION
from easyai.service_http.answer_bounds import BoundedConnector
from easyai.service_http.connection_reasons import why_not_connected
from easyai.service_http.service_networks import ServiceNetworks
from easyai.version import user_agent

PROBE_TIMEOUT_SEC = 2.0
ROUND_LIMIT_SEC = 10.0
_AT_ONCE = 100
_ALIVE = frozenset({*range(500), HTTPStatus.NOT_IMPLEMENTED})
_CONNECT_SHARE = 0.75  # of the timeout; a host that has not accepted by then counts as away


def probe_all(
    urls: Mapping[int, str],
    networks: ServiceNetworks | None = None,
    *,
    ours: Collection[int] = (),
) -> dict[int, Reason]:
    """Probe the URLs (by service pk); NO_REASON for a living service, else why its probe failed.

    Any HTTP status under 500 is alive: a service without that path still answered. So is 501:
    servers that know only POST answer a GET with it. The result leaves out services whose turn had
    not come after `ROUND_LIMIT_SEC`: probe them first next time. Redirects are not followed. No
    address outside of `networks` is probed, except for the URLs that are `ours`.
    """
    if not urls:
        return {}
    # Not asyncio.run: it would wait for threads that hang in the look-up of a name. Nor may such a
    # name take the threads that other names need.
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe"))
    try:
        return loop.run_until_complete(_probe_all(urls, networks, ours))
    finally:
        loop.close()


async def _probe_all(
    urls: Mapping[int, str], networks: ServiceNetworks | None, ours: Collection[int]
) -> dict[int, Reason]:
    ends_at = asyncio.get_running_loop().time() + ROUND_LIMIT_SEC
    async with AsyncExitStack() as stack:
        anywhere = await stack.enter_async_context(_session(None))
        within = await stack.enter_async_context(_session(networks))
        gate = asyncio.Semaphore(_AT_ONCE)
        probes = (
            _probe(anywhere if pk in ours else within, gate, url, ends_at)
            for pk, url in urls.items()
        )
        answers = await asyncio.gather(*probes)
    return {pk: answer for pk, answer in zip(urls, answers, strict=True) if answer is not None}


def _session(networks: ServiceNetworks | None) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(
        total=PROBE_TIMEOUT_SEC, sock_connect=PROBE_TIMEOUT_SEC * _CONNECT_SHARE
    )
    connector = BoundedConnector(
        limit=_AT_ONCE,
        force_close=True,
        socket_factory=networks.open_socket if networks else None,
    )
    return aiohttp.ClientSession(
        timeout=timeout, connector=connector, headers={"User-Agent": user_agent()}
    )


async def _probe(
    session: aiohttp.ClientSession, gate: asyncio.Semaphore, url: str, ends_at: float
) -> Reason | None:
    # The gate comes before the timeout: a probe that waits for its turn is no failing service.
    async with gate:
        if asyncio.get_running_loop().time() > ends_at:
            return None
        try:
            async with session.get(url, allow_redirects=False) as response:
                status = response.status
                return NO_REASON if status in _ALIVE else Reason.of("probe.status", status=status)
        except aiohttp.ConnectionTimeoutError:
            return Reason.of(NO_CONNECTION, limit_sec=PROBE_TIMEOUT_SEC * _CONNECT_SHARE)
        except TimeoutError:
            return Reason.of(NO_ANSWER, limit_sec=PROBE_TIMEOUT_SEC)
        except aiohttp.ClientConnectorError as error:
            return why_not_connected(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return quoted(type(error).__name__)
