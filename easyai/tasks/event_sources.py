"""The places where an object store leaves its events: a list of Redis, a queue of RabbitMQ.

Events are no proof and no frame depends on them, so few of them are kept: what waits for longer was
found by the scan.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import amqp
import redis
from amqp.exceptions import AMQPError, NotFound

from easyai.publish.amqp import amqp_login
from easyai.publish.bus_interface import CONNECT_SEC, SEND_SEC
from easyai.publish.redis_stream import redis_client
from easyai.settings.server_url import REDIS, parse_server_url

#: What the clients raise while a server does not answer, or refuses; also OSError.
TROUBLE: Final = (AMQPError, redis.RedisError)
_AT_ONCE: Final = 1000
_MOST_WAITING: Final = 10_000  # of a list, when the reading begins
_LONGEST_WAIT_MS: Final = 60_000  # of a queue of ours
_HEARTBEAT_SEC: Final = 20  # shows that a silent connection is lost


class EventSource(Protocol):
    """A connection; for a single thread. Its methods raise TROUBLE and OSError."""

    def read(self, timeout_sec: float) -> Sequence[bytes]:
        """Wait for messages, which `done` gives up; none after the time."""

    def done(self) -> None:
        """The messages of the last `read` have been handed over."""

    def close(self) -> None:
        """Close the connection."""


def open_source(url: str, name: str) -> EventSource:
    """Connect to the list or queue `name`."""
    if url.partition("://")[0] in REDIS:
        return RedisEvents(url, name)
    return AmqpEvents(url, name)


class RedisEvents:
    """A list to which the store appends (MinIO: ``format=access``)."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._redis: Any = redis_client(parse_server_url(url))
        self._redis.ltrim(name, -_MOST_WAITING, -1)

    def read(self, timeout_sec: float) -> Sequence[bytes]:
        """Take messages from the list; a process that dies leaves their frames to the scan.

        Waits for whole seconds: Redis before 6.0 knows no other.
        """
        first = self._redis.blpop([self._name], timeout=math.ceil(timeout_sec))
        if first is None:
            return []
        with self._redis.pipeline() as pipeline:  # LPOP of several needs Redis 6.2
            pipeline.lrange(self._name, 0, _AT_ONCE - 2)
            pipeline.ltrim(self._name, _AT_ONCE - 1, -1)
            more, _ = pipeline.execute()
        return [first[1], *more]

    def done(self) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


class AmqpEvents:
    """A queue; where it does not exist, it is made with a fanout exchange of the same name."""

    def __init__(self, url: str, name: str) -> None:
        self._messages: list[Any] = []
        login = amqp_login(url)
        self._connection: Any = amqp.Connection(
            **login, connect_timeout=CONNECT_SEC, heartbeat=_HEARTBEAT_SEC
        )
        self._connection.connect()
        self._connection.transport.sock.settimeout(SEND_SEC)
        try:
            self._channel = self._queue(name)
            self._channel.basic_qos(0, _AT_ONCE, False)
            self._channel.basic_consume(name, callback=self._messages.append)
        except BaseException:
            self.close()
            raise

    def _queue(self, name: str) -> Any:
        with suppress(NotFound):
            channel = self._connection.channel()
            channel.queue_declare(name, passive=True)  # an operator may have made and bound it
            return channel
        channel = self._connection.channel()
        channel.exchange_declare(name, "fanout", durable=True, auto_delete=False)
        waiting = {"x-message-ttl": _LONGEST_WAIT_MS}
        channel.queue_declare(name, durable=True, auto_delete=False, arguments=waiting)
        channel.queue_bind(name, name)
        return channel

    def read(self, timeout_sec: float) -> Sequence[bytes]:
        """Wait for messages, which RabbitMQ keeps until `done`."""
        self._connection.heartbeat_tick()
        until = time.monotonic() + timeout_sec
        with suppress(TimeoutError):
            while not self._messages:
                left = until - time.monotonic()
                self._connection.drain_events(timeout=max(0.001, left))
                if left <= 0:
                    break
            while len(self._messages) < _AT_ONCE:
                self._connection.drain_events(timeout=0.001)
        return [_bytes(message.body) for message in self._messages]

    def done(self) -> None:
        """Acknowledge the messages."""
        if self._messages:
            self._channel.basic_ack(self._messages[-1].delivery_tag, multiple=True)
            self._messages.clear()

    def close(self) -> None:
        """Close the connection; messages that were not acknowledged are sent again."""
        with suppress(*TROUBLE, OSError):
            self._connection.close()
        self._connection.collect()


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
