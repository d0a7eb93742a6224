"""Alerts on a Redis stream: ``XADD <topic> * alert <JSON>``.

easyai never cuts the stream: the consumers trim it (``XTRIM``, or ``XDEL`` when done). Redis
acknowledges entries that it holds in memory; its setting ``appendfsync`` decides how many of them a
crash may cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from easyai.domain.reason import Reason, quote
from easyai.errors import BusUnavailableError
from easyai.publish.bus_interface import CONNECT_SEC, SEND_SEC, Message, Receipt
from easyai.settings.addresses import no_address_of
from easyai.settings.server_tls import of_redis, of_sentinels
from easyai.settings.server_url import SENTINEL, ServerUrl, parse_server_url

FIELD: Final = "alert"
_NO_ID: Final = "0-0"


_SOCKET: Final = {
    "socket_connect_timeout": CONNECT_SEC,
    "socket_timeout": SEND_SEC,
    "socket_keepalive": True,
}


def redis_client(server: ServerUrl) -> Any:
    """A client of the Redis, or of the Redis that its Sentinels name."""
    options: dict[str, Any] = {
        **_SOCKET,
        "health_check_interval": 10,
        # A second attempt for a connection from before a restart; none after a timeout.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **(of_redis(server.tls) if server.tls else {}),
    }
    if server.scheme != SENTINEL:
        url = server.urls[0]
        if server.tls:  # a parameter may ask for TLS, too, as for the broker
            url = url.replace("redis://", "rediss://", 1)
        return redis.Redis.from_url(url, **options)
    login = {"username": server.sentinel_username, "password": server.sentinel_password}
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        server.sentinels,
        sentinel_kwargs={**_SOCKET, "retry": None, **login, **of_sentinels(server.tls)},
        **server.redis_login,
        **options,
        **({"ssl": True} if server.tls else {}),
    )
    return sentinel.master_for(server.master_name)


class RedisBus:
    """A stream named as the topic."""

    def __init__(self, address: str, topic: str) -> None:
        url = address.strip() if "://" in address else f"redis://{address.strip()}"
        self._topic = topic
        try:
            self._redis: Any = redis_client(parse_server_url(url))
        except ValueError:
            raise no_address_of("redis") from None

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Add all entries in a single round trip."""
        receipt = Receipt()
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.xadd(self._topic, {FIELD: message.body})
                answers = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            receipt.trouble = self._reason(error)
            return receipt
        for message, answer in zip(messages, answers, strict=True):
            if isinstance(answer, Exception):
                receipt.trouble = self._reason(answer)
            else:
                receipt.acknowledged.append(message.alert_id)
        return receipt

    def check(self) -> None:
        """Check that the stream's key holds a stream or nothing, and that Redis takes an entry."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.type(self._topic)
                # No entry may have this id, so nothing is added. A Redis that is full, is a replica
                # or gives us no permission reports that first.
                pipeline.xadd(self._topic, {FIELD: b""}, id=_NO_ID)
                kind, answer = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise BusUnavailableError(self._reason(error)) from None
        for reply in (kind, answer):
            if isinstance(reply, Exception) and _NO_ID not in str(reply):
                raise BusUnavailableError(self._reason(reply))
        if kind not in (b"none", b"stream"):
            raise BusUnavailableError(Reason.of("bus.redis_no_stream", topic=self._topic))

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _reason(self, error: Exception) -> Reason:
        if isinstance(error, redis.OutOfMemoryError):
            return Reason.of("bus.redis_full", topic=self._topic)
        if isinstance(error, MasterNotFoundError):
            return Reason("bus.redis_no_sentinel")
        # The server's error for a command has no secrets; for a connection, only host and port.
        return Reason.of("bus.redis", error=type(error).__name__, why=quote(str(error)))
