"""Which transport of ours an address of the broker means."""

from __future__ import annotations

from typing import Final

from kombu.transport import TRANSPORT_ALIASES

# By name: the library of a broker that is not used is not loaded.
_REDIS: Final = "easyai.broker.redis_transport:Transport"
_RABBITMQ: Final = "easyai.broker.rabbitmq_transport:Transport"
_TRANSPORTS: Final = {
    "filesystem": "easyai.broker.embedded_transport:Transport",
    "redis": _REDIS,
    "rediss": _REDIS,
    "sentinel": "easyai.broker.redis_transport:SentinelTransport",
    "amqp": _RABBITMQ,
    "pyamqp": _RABBITMQ,
    "amqps": "easyai.broker.rabbitmq_transport:SSLTransport",
}


def register() -> None:
    """Make the schemes of broker_url mean our transports in this process."""
    TRANSPORT_ALIASES.update(_TRANSPORTS)
