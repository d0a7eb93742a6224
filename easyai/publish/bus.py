"""The message bus that the settings name.

The implementations are `kafka`, `amqp` and `redis_stream` beside this module. A client library is
loaded only where it is used.
"""

from __future__ import annotations

import threading
from typing import assert_never

from easyai.errors import BusUnavailableError
from easyai.publish.bus_interface import Bus
from easyai.settings.addresses import check_bus
from easyai.settings.schema import AiAnalysis


def open_bus(analysis: AiAnalysis) -> Bus:
    """The bus of the settings; connects later.

    Raises SettingsError for an invalid address, BusUnavailableError when the settings name no bus.
    """
    check_bus(analysis.mq_type, analysis.mq_address)
    alerts = _open_topic(analysis, analysis.mq_topic)
    if analysis.system_topic == analysis.mq_topic:
        return alerts
    from easyai.publish.system_topic import SystemApart

    return SystemApart(alerts, _open_topic(analysis, analysis.system_topic))


def _open_topic(analysis: AiAnalysis, topic: str) -> Bus:
    kind, address = analysis.mq_type, analysis.mq_address
    match kind:
        case "kafka":
            from easyai.publish.kafka import KafkaBus

            return KafkaBus(address, topic)
        case "rabbitmq":
            from easyai.publish.amqp import AmqpBus

            return AmqpBus(address, topic)
        case "redis":
            from easyai.publish.redis_stream import RedisBus

            return RedisBus(address, topic)
        case "none":
            raise BusUnavailableError
        case _:
            assert_never(kind)


class CurrentBus:
    """The bus of the present settings; opens another bus after the settings changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._named: tuple[str, ...] = ()
        self._bus: Bus | None = None

    def of(self, analysis: AiAnalysis) -> Bus:
        """The bus of these settings. Raises SettingsError for an invalid address."""
        topics = (analysis.mq_topic, analysis.system_topic)
        named = (analysis.mq_type, analysis.mq_address, *topics)
        with self._lock:
            if self._bus is None or named != self._named:
                self._close()
                self._bus, self._named = open_bus(analysis), named
            return self._bus

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()
