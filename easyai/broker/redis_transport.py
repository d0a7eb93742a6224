"""kombu's Redis transport, for which a damaged message is not the end of the worker.

Whoever writes to the same Redis may put anything into a list of ours. A message only wakes, so a
message that cannot be read is thrown away, with a line in the log. `easyai.broker.transports` makes
``redis://``, ``rediss://`` and ``sentinel://`` mean these transports.
"""

# kombu says it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from kombu.transport import redis
from redis import exceptions

from easyai.broker.names import NAMED_BY_KEY

log = logging.getLogger(__name__)

_DAMAGED: Final = (ValueError, LookupError, TypeError, AttributeError)


class Channel(redis.Channel):
    """A channel that survives what it reads, and puts messages into the queue of their key."""

    def _lookup(self, exchange: str, routing_key: str, default: Any = None) -> list[str]:
        # kombu reads the whole table of bindings for each message, however many queues there are,
        # and finds nothing in a Redis that was emptied since they were declared.
        if exchange in NAMED_BY_KEY:
            return [routing_key]
        found: list[str] = super()._lookup(exchange, routing_key, default)
        return found

    def _brpop_read(self, **options: Any) -> Any:
        return _tolerant(super()._brpop_read, options, lambda: self.client)

    def _receive(self) -> Any:
        return _tolerant(super()._receive, {}, lambda: self.subclient)

    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            # A message of the connection before is acknowledged. kombu's AttributeError would end
            # the worker; this one is logged.
            raise exceptions.ConnectionError("the connection to the broker was closed meanwhile")
        return super()._connparams(asynchronous)


class Transport(redis.Transport):
    """One connection to Redis."""

    Channel = Channel


class SentinelChannel(redis.SentinelChannel, Channel):
    """The same to the Redis that Sentinels name."""


class SentinelTransport(redis.SentinelTransport):
    """One connection to the Redis that Sentinels name."""

    Channel = SentinelChannel


def _tolerant(read: Callable[..., Any], options: dict[str, Any], client: Callable[[], Any]) -> Any:
    try:
        return read(**options)
    except _DAMAGED as error:
        if _is_lost(client):
            # No message: a lost connection ends in such an error as well, and any other one than
            # this would end the worker in place of connecting again.
            raise exceptions.ConnectionError("the connection to Redis was lost") from error
        log.warning("broker: damaged message thrown away: %r", error)
        return True


def _is_lost(client: Callable[[], Any]) -> bool:
    try:
        return client().connection is None
    except AttributeError:  # the channel was closed: it makes no client any more
        return True
