"""Calls an algorithm service with a frame and judges the answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from easyai.db.ledger import LeasedFrame
from easyai.domain.breaker import CONNECT_TIMEOUT_SEC
from easyai.domain.reason import NO_REASON, Reason, quote, quoted
from easyai.domain.verdict import LINK_BROKEN, NOT_CONNECTED, TIMED_OUT, CallResult, Verdict, judge
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.pipeline.algo_config import AlgoConfig, AlgoConfigs
from easyai.pipeline.link_base import LinkBases, rebased
from easyai.runtime import Runtime
from easyai.service_http.answer_bounds import (
    EXPLANATION_SEC,
    JSON_STARTS,
    LARGEST_ANSWER,
    LARGEST_EXPLANATION,
    BoundedConnector,
)
from easyai.service_http.connection_reasons import of_errno, of_os_error, why_not_connected
from easyai.service_http.plain_client import (
    KEEPALIVE_SEC,
    NotAcceptedError,
    NotConnectedError,
    PlainClient,
    target,
)
from easyai.service_http.plain_connection import Answer, AnswerError
from easyai.service_http.service_networks import service_networks
from easyai.tracing.journey import Call
from easyai.version import user_agent

_URL_TTL_SEC = 3600.0
_LINK_TIMEOUT_SEC = 5.0
_HEADERS = {"Content-Type": "application/json"}
_FAILURES = (
    NotConnectedError,
    NotAcceptedError,
    AnswerError,
    TimeoutError,
    aiohttp.ClientError,
    ValueError,
    OSError,
)


class Caller:
    """HTTP client for algorithm services, with a connection pool for each event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._configs = AlgoConfigs(runtime)
        self._runtime = runtime
        self._link_bases = LinkBases()
        # The leases are the limit; a second limit here would only make leased frames wait unseen.
        self._plain = PlainClient(self._open_socket)
        connector = BoundedConnector(
            limit=0,
            ttl_dns_cache=30,
            keepalive_timeout=KEEPALIVE_SEC,
            socket_factory=self._open_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            headers={"User-Agent": user_agent()},
        )
        # For our own picture links, whose addresses no service chose.
        self._links = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Close every connection."""
        self._configs.close()
        self._plain.close()
        await self._session.close()
        await self._links.close()

    async def call(
        self,
        frame: LeasedFrame,
        endpoint: str,
        timeout_sec: float,
        *,
        last_attempt: bool = False,
        traced: Call | None = None,
    ) -> Verdict:
        """Send a frame and judge the answer; never raises for an error of the service.

        After any failure the picture is checked, because it may be the cause: gone from the store
        or out of reach. `last_attempt`: a refusal would fail the frame. Then, after earlier
        attempts, the link is also tried before the call, because it may work again by the time of
        the answer. `traced` adds the trace to the request and records the answer.
        """
        why = await self._unreachable(frame) if last_attempt and frame.attempts else NO_REASON
        config = await self._configs.of(frame.key)
        started = time.perf_counter()
        try:
            verdict = await self._exchange(frame, config, endpoint, timeout_sec, started, traced)
        except _FAILURES as error:
            verdict = _failed(error, timeout_sec, started)
        if verdict.kind is CallResult.INFERRED:
            return verdict
        return await self._with_picture_in_mind(frame, verdict, why, last_attempt=last_attempt)

    def _open_socket(self, info: Any) -> socket.socket:
        return service_networks(self._runtime.settings).open_socket(info)

    async def _exchange(
        self,
        frame: LeasedFrame,
        config: AlgoConfig,
        endpoint: str,
        timeout_sec: float,
        started: float,
        traced: Call | None,
    ) -> Verdict:
        body = await self._body(frame, config, endpoint)
        headers = traced.headers if traced is not None else {}
        if (to := target(endpoint)) is not None:
            answer = await self._plain.post(to, body, headers, timeout_sec, CONNECT_TIMEOUT_SEC)
        else:
            answer = await self._post_by_aiohttp(endpoint, body, headers, timeout_sec)
        if traced is not None:
            traced.status = answer.status
        return judge(answer.status, answer.body, (time.perf_counter() - started) * 1000)

    async def _post_by_aiohttp(
        self, endpoint: str, body: bytes, headers: Mapping[str, str], timeout_sec: float
    ) -> Answer:
        """Send to an endpoint with TLS, or with a URL that the plain client does not call."""
        timeout = aiohttp.ClientTimeout(total=timeout_sec, sock_connect=CONNECT_TIMEOUT_SEC)
        async with self._session.post(
            endpoint,
            data=body,
            headers={**_HEADERS, **headers},
            timeout=timeout,
            allow_redirects=False,  # the contract has none, and each leads elsewhere
        ) as response:
            return Answer(response.status, await _read(response))

    async def _body(self, frame: LeasedFrame, config: AlgoConfig, endpoint: str) -> bytes:
        own = self._runtime.settings.easyai
        base = await self._link_bases.of(endpoint, own)

        def link(key: str) -> str:
            return rebased(self._store.url(key, _URL_TTL_SEC), own.effective_public_url, base)

        config_link = link(config.key) if config.key else ""
        text = encode_basestring_ascii  # `json.dumps` of a dict costs ten times as much
        # The configuration is JSON text already: it is spliced in, not parsed for every frame.
        return (
            f'{{"image_url": {text(link(frame.image_key))}, "task_id": {text(frame.task_id)}, '
            f'"task_type": {text(frame.task_type)}, "image_path": {text(frame.key)}, '
            f'"algo_config_url": {text(config_link)}, "algo_config": {config.json_text}}}'
        ).encode()

    async def _with_picture_in_mind(
        self, frame: LeasedFrame, verdict: Verdict, why: Reason, *, last_attempt: bool
    ) -> Verdict:
        try:
            gone = await asyncio.to_thread(self._store.gone, frame.image_key)
        except StoreUnavailableError as error:
            return Verdict(CallResult.UNFETCHED, verdict.elapsed_ms, error.reason)
        except InvalidKeyError:
            return verdict
        if gone:
            return Verdict(CallResult.MISSING, verdict.elapsed_ms, Reason("frame.picture_gone"))
        if verdict.kind is not CallResult.REFUSED or not last_attempt:
            return verdict
        if why := why or await self._unreachable(frame):
            reason = Reason.of(LINK_BROKEN, refusal=verdict.reason, why=why)
            return Verdict(CallResult.UNFETCHED, verdict.elapsed_ms, reason)
        return verdict

    async def _unreachable(self, frame: LeasedFrame) -> Reason:
        """Why the link to a picture does not work, as seen by a service; NO_REASON if it works."""
        url = self._store.url(frame.image_key, _URL_TTL_SEC)
        timeout = aiohttp.ClientTimeout(total=_LINK_TIMEOUT_SEC)
        try:
            async with self._links.get(url, timeout=timeout) as response:
                return NO_REASON if response.status == 200 else _status(response.status)
        except TimeoutError:
            return Reason.of(TIMED_OUT, timeout_sec=_LINK_TIMEOUT_SEC)
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return _why(error)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer that may be JSON; only the beginning of any other body."""
    if response.status != 200:
        return await _read_explanation(response)
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise ValueError(Reason.of("call.too_large", limit_bytes=LARGEST_ANSWER))
        chunks.append(chunk)
        if len(chunks) == 1 and (start := chunk.lstrip()) and start[0] not in JSON_STARTS:
            break
    return b"".join(chunks)


async def _read_explanation(response: aiohttp.ClientResponse) -> bytes:
    """The body of a failing status; b"" if it is late or large, for the status is enough."""
    if response.content_length is not None and response.content_length > LARGEST_EXPLANATION:
        return b""
    body = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(EXPLANATION_SEC):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LARGEST_EXPLANATION:
                    return b""
            return body
    return b""


def _failed(error: Exception, timeout_sec: float, started: float) -> Verdict:
    """The verdict on a call that ended with an error."""
    kind, reason = CallResult.UNREACHABLE, NO_REASON
    match error:
        case NotConnectedError():
            reason = Reason.of(NOT_CONNECTED, why=of_os_error(error.error))
        case NotAcceptedError() | aiohttp.ConnectionTimeoutError():
            why = Reason.of("probe.no_connection", limit_sec=CONNECT_TIMEOUT_SEC)
            reason = Reason.of(NOT_CONNECTED, why=why)
        case aiohttp.ClientConnectorError():
            reason = Reason.of(NOT_CONNECTED, why=why_not_connected(error))
        case TimeoutError():
            kind, reason = CallResult.TIMEOUT, Reason.of(TIMED_OUT, timeout_sec=timeout_sec)
        case AnswerError():
            kind, reason = CallResult.BROKEN, error.reason
        case _:
            kind = CallResult.BROKEN
            reason = Reason.of("call.broken", error=type(error).__name__, why=_why(error))
    return Verdict(
        kind,
        (time.perf_counter() - started) * 1000,
        reason,
        not_accepted=isinstance(error, NotAcceptedError | aiohttp.ConnectionTimeoutError),
    )


def _status(status: int) -> Reason:
    return Reason.of("call.status", status=status)


def _why(error: BaseException) -> Reason:
    # aiohttp's own text may carry the whole URL; a query may hold credentials.
    if isinstance(error.__cause__, HttpProcessingError):
        return Reason("call.not_http")  # its status is aiohttp's, not the service's
    if isinstance(error, aiohttp.TooManyRedirects):
        return Reason("call.too_many_redirects")
    if isinstance(error, aiohttp.ClientResponseError):
        return _status(error.status)
    if isinstance(error, aiohttp.ClientConnectorError):
        return why_not_connected(error)
    if isinstance(error, aiohttp.ClientOSError):
        return of_errno(error.errno) if error.errno else Reason("call.connection_lost")
    if isinstance(error, aiohttp.InvalidURL):
        return Reason.of("call.no_url", host=quote(str(urlsplit(str(error)).hostname)))
    return _given(error) or (quoted(str(error)) if str(error) else Reason("call.unexplained"))


def _given(error: BaseException) -> Reason:
    """The reason in an exception that was raised here or in answer_bounds.py."""
    reason = error.args[0] if error.args else None
    return reason if isinstance(reason, Reason) else NO_REASON
