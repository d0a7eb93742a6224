"""Alerts on a Redis stream: ``XADD <mq_topic> * alert <JSON>``.

The stream is never cut: trimming it is up to the consumers (``XTRIM``, or ``XDEL`` when done).
Redis acknowledges what it holds in memory; how much of that a crash may cost is set there
(``appendfsync``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from easyai.errors import BusUnavailableError, SettingsError
from easyai.publish.bus import CONNECT_SEC, SEND_SEC, Message, Receipt

FIELD: Final = "alert"


class RedisBus:
    """A stream named by ``mq_topic``."""

    def __init__(self, address: str, topic: str) -> None:
        url = address.strip() if "://" in address else f"redis://{address.strip()}"
        self._topic = topic
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                socket_connect_timeout=CONNECT_SEC,
                socket_timeout=SEND_SEC,
                socket_keepalive=True,
                health_check_interval=10,
                # One more attempt where the connection is from before a restart, none after a
                # time-out.
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            )
        except ValueError:
            raise SettingsError(
                "ai_analysis.mq_address is not a Redis URL: redis://:password@host:6379/0"
            ) from None

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Add all entries in one round trip."""
        receipt = Receipt()
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.xadd(self._topic, {FIELD: message.body})
                answers = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            receipt.trouble = _reason(error)
            return receipt
        for message, answer in zip(messages, answers, strict=True):
            if isinstance(answer, Exception):
                receipt.trouble = _reason(answer)
            else:
                receipt.acknowledged.append(message.alert_id)
        return receipt

    def check(self) -> None:
        """PING, and a look at what the stream's key holds."""
        try:
            kind = self._redis.type(self._topic)
        except redis.RedisError as error:
            raise BusUnavailableError(_reason(error)) from None
        if kind not in (b"none", b"stream"):
            raise BusUnavailableError(
                f"Redis: the key {self._topic} is no stream; set ai_analysis.mq_topic to another"
            )

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


def _reason(error: Exception) -> str:
    # What the server says of a command has no secrets; of a connection, only host and port.
    return f"Redis: {type(error).__name__}: {error}"
