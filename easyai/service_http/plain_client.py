"""A small HTTP client for algorithm services: POST over plain ``http://``, on kept connections.

A call costs a fifth of a call of aiohttp (docs/decisions/0034-the-call.md). The client knows no
TLS, no proxies, no redirects and no cookies: `target` returns None for a URL that needs more. An
answer is bounded in head, body and time.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

import aiohttp
from aiohappyeyeballs import start_connection

from easyai.service_http.plain_connection import Answer, AnswerError, Connection
from easyai.version import user_agent

#: Common servers close after 5 s: shorter, so that no request meets a closing connection.
KEEPALIVE_SEC: Final = 4.0
# The service closed an idle connection and did not read the request, if the connection was idle for
# at least 0.5 s and ends within 0.1 s of the request.
_IDLE_SEC: Final = 0.5
_CLOSED_WITHIN_SEC: Final = 0.1
_ADDRESSES_SEC: Final = 30.0  # a looked-up name keeps its addresses
_HAPPY_EYEBALLS_SEC: Final = 0.25  # until the next address is tried beside a slow one (RFC 8305)
_PLAIN: Final = re.compile(
    r"http://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?)"
)

_DOTS: Final = re.compile(r"/\.\.?(?:[/?]|$)")  # segments that a client resolves

AddressInfo = tuple[int, int, int, str, Any]


class NotConnectedError(Exception):
    """No connection to the service; the cause is the system's error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class NotAcceptedError(Exception):
    """The service did not accept the connection in time."""


class Target(NamedTuple):
    """Where a request goes."""

    host: str
    port: int
    head: bytes  # the request line and the headers that are the same in each request


@lru_cache(maxsize=4096)
def target(url: str) -> Target | None:
    """The target of a URL; None for a URL that this client does not call."""
    match = _PLAIN.fullmatch(url)
    port = int(match["port"] or 80) if match else 0
    if match is None or not 0 < port < 65536 or _DOTS.search(match["path"]):
        return None
    path = match["path"] if match["path"].startswith("/") else "/" + match["path"]
    authority = match["host"] + (f":{port}" if port != 80 else "")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {user_agent()}\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\n"
    )
    return Target(match["host"].strip("[]"), port, head.encode())


class PlainClient:
    """Kept connections to services, used on a single event loop."""

    def __init__(self, open_socket: Callable[[AddressInfo], socket.socket]) -> None:
        """`open_socket` makes the socket for an address; it raises OSError to refuse an address."""
        self._loop = asyncio.get_running_loop()
        self._open_socket = open_socket
        self._resolver = aiohttp.DefaultResolver()
        self._idle: dict[tuple[str, int], list[Connection]] = {}
        self._addresses: dict[tuple[str, int], asyncio.Task[list[AddressInfo]]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def post(
        self,
        to: Target,
        body: bytes,
        headers: Mapping[str, str],
        timeout_sec: float,
        connect_timeout_sec: float,
    ) -> Answer:
        """Send the body and return the answer; `headers` are further headers.

        Raises NotConnectedError or NotAcceptedError when there is no connection, TimeoutError when
        no answer has come in time, and AnswerError for an answer that is cut off, too large or no
        HTTP.

        A service may close an idle connection just as the request comes: the request is then sent
        again on a new connection, and the service may get it twice.
        """
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (to.head, more, len(body), body)
        ends_at = self._loop.time() + timeout_sec
        if (kept := self._kept(to)) is None:
            connection = await self._connect(to, timeout_sec, connect_timeout_sec)
            return await self._exchange(to, connection, request, ends_at)
        sent_at = self._loop.time()
        try:
            return await self._exchange(to, kept, request, ends_at)
        except AnswerError as error:
            was_idle = sent_at - kept.idle_since > _IDLE_SEC
            now = self._loop.time()
            if not was_idle or kept.received or now - sent_at > _CLOSED_WITHIN_SEC:
                raise
            try:
                connection = await self._connect(to, ends_at - now, connect_timeout_sec)
            except (NotConnectedError, NotAcceptedError):
                raise error from None  # the request ended the service, as it seems
        return await self._exchange(to, connection, request, ends_at)

    async def _exchange(
        self, to: Target, connection: Connection, request: bytes, ends_at: float
    ) -> Answer:
        try:
            return await connection.exchange(request, ends_at)
        finally:
            if connection.reusable:
                self._keep(to, connection)
            else:
                connection.abort()

    def close(self) -> None:
        """Close every idle connection now, and each connection in use after its answer."""
        self._closed = True
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()
        for look_up in self._addresses.values():
            look_up.cancel()
        if self._sweep is not None:
            self._sweep.cancel()

    def _kept(self, to: Target) -> Connection | None:
        connections = self._idle.get((to.host, to.port), [])
        oldest = self._loop.time() - KEEPALIVE_SEC
        while connections:
            connection = connections.pop()
            if connection.reusable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def _keep(self, to: Target, connection: Connection) -> None:
        if self._closed:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.setdefault((to.host, to.port), []).append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEPALIVE_SEC, self._close_idle)

    def _close_idle(self) -> None:
        """Close the connections that were not used lately."""
        oldest = self._loop.time() - KEEPALIVE_SEC
        for key, connections in list(self._idle.items()):
            young = [each for each in connections if each.reusable and each.idle_since > oldest]
            for connection in set(connections).difference(young):
                connection.abort()
            if young:
                self._idle[key] = young
            else:
                del self._idle[key]
        later = self._loop.call_later
        self._sweep = later(KEEPALIVE_SEC, self._close_idle) if self._idle else None

    async def _connect(self, to: Target, timeout_sec: float, connect_sec: float) -> Connection:
        try:
            async with asyncio.timeout(timeout_sec):
                # The look-up of a name does not count as connecting.
                addresses = await asyncio.shield(self._look_up(to.host, to.port))
                addresses.append(addresses.pop(0))  # each connection begins with another address
                return await self._open(list(addresses), connect_sec)
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise  # our limit, not the system's ETIMEDOUT
            raise NotConnectedError(error) from error

    async def _open(self, addresses: list[AddressInfo], connect_sec: float) -> Connection:
        try:
            async with asyncio.timeout(connect_sec) as limit:
                sock = await start_connection(
                    addresses,
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_SEC,
                    interleave=1,
                    socket_factory=self._open_socket,
                )
                _, connection = await self._loop.create_connection(Connection, sock=sock)
        except TimeoutError:
            if limit.expired():
                raise NotAcceptedError from None
            raise
        return connection

    def _look_up(self, host: str, port: int) -> asyncio.Task[list[AddressInfo]]:
        """The addresses of a host; calls at the same time share a look-up."""
        key = (host, port)
        if key not in self._addresses:
            look_up = self._addresses[key] = self._loop.create_task(self._resolve(host, port))
            look_up.add_done_callback(lambda done: self._looked_up(key, done))
        return self._addresses[key]

    def _looked_up(self, key: tuple[str, int], look_up: asyncio.Task[list[AddressInfo]]) -> None:
        if look_up.cancelled() or look_up.exception() is not None:
            del self._addresses[key]
        else:
            self._loop.call_later(_ADDRESSES_SEC, self._addresses.pop, key, None)

    async def _resolve(self, host: str, port: int) -> list[AddressInfo]:
        try:
            version = ip_address(host).version
        except ValueError:
            found = await self._resolver.resolve(host, port, socket.AF_UNSPEC)
            return [_address(each["family"], each["host"], each["port"]) for each in found]
        return [_address(socket.AF_INET if version == 4 else socket.AF_INET6, host, port)]


def _address(family: int, host: str, port: int) -> AddressInfo:
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)
