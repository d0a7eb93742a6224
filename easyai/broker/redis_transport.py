"""kombu's Redis transport, in which a damaged message does not end the worker.

Any client of the same Redis may write anything into our lists. A message only wakes a worker, so a
message that cannot be read is thrown away and logged. `easyai.broker.transports` makes
``redis://``, ``rediss://`` and ``sentinel://`` mean these transports.
"""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from kombu.transport import redis
from redis import exceptions

from easyai.broker.queue_names import NAMED_BY_KEY

log = logging.getLogger(__name__)

_DAMAGED: Final = (ValueError, LookupError, TypeError, AttributeError)


class Channel(redis.Channel):
    """A channel that survives damaged messages, and routes a message to the queue of its key."""

    def _lookup(self, exchange: str, routing_key: str, default: Any = None) -> list[str]:
        # kombu reads the whole table of bindings for each message, however many queues there are.
        # It finds no queue in a Redis that was emptied since the queues were declared.
        if exchange in NAMED_BY_KEY:
            return [routing_key]
        queues: list[str] = super()._lookup(exchange, routing_key, default)
        return queues

    def _brpop_read(self, **options: Any) -> Any:
        return _tolerant(super()._brpop_read, options, lambda: self.client)

    def _receive(self) -> Any:
        return _tolerant(super()._receive, {}, lambda: self.subclient)

    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            # A message of the previous connection is acknowledged. kombu's AttributeError would end
            # the worker; this error is logged.
            raise exceptions.ConnectionError("the connection to the broker was closed meanwhile")
        return super()._connparams(asynchronous)


class Transport(redis.Transport):
    """One connection to Redis."""

    Channel = Channel


class SentinelChannel(redis.SentinelChannel, Channel):
    """The same channel to the Redis that Sentinels name."""


class SentinelTransport(redis.SentinelTransport):
    """One connection to the Redis that Sentinels name."""

    Channel = SentinelChannel


def _tolerant(read: Callable[..., Any], options: dict[str, Any], client: Callable[[], Any]) -> Any:
    try:
        return read(**options)
    except _DAMAGED as error:
        if _is_lost(client):
            # Not a damaged message: a lost connection causes such errors as well. Any error but a
            # ConnectionError would end the worker instead of making it connect again.
            raise exceptions.ConnectionError("the connection to Redis was lost") from error
        log.warning("broker: damaged message thrown away: %r", error)
        return True


def _is_lost(client: Callable[[], Any]) -> bool:
    try:
        return client().connection is None
    except AttributeError:  # the channel is closed and makes no client any more
        return True
