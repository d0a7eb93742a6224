"""What every message bus does for the outbox, and which one the settings name.

The implementations stand beside: `kafka`, `amqp`, `redis_stream`. Their client libraries are
loaded only where one is used.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from easyai.settings.addresses import check_bus
from easyai.settings.schema import AiAnalysis

CONNECT_SEC: Final = 4.0
SEND_SEC: Final = 6.0  # until the bus has acknowledged a wave


@dataclass(frozen=True, slots=True)
class Message:
    """One alert on its way out."""

    alert_id: int
    task_type: str
    task_id: str
    body: bytes  # the alert as JSON in UTF-8
    created_at: float = 0.0  # of the alert, Unix seconds; 0: not known
    of_system: bool = False  # an alarm of easyai itself, not the alert of a frame


@dataclass(slots=True)
class Receipt:
    """What the bus answered to a wave; an alert that stands in neither list is sent again."""

    acknowledged: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # for ever, and why
    held_up: dict[int, str] = field(default_factory=dict)  # not now; others may go on
    trouble: str = ""  # the bus itself does not work: nothing else is worth trying


class Bus(Protocol):
    """A connection to a message bus, made when first needed and made anew when it broke.

    For one thread at a time. No error text holds a secret of the address.
    """

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Send and wait for the answers, about 10 s at most. Raises nothing the bus may cause."""

    def check(self) -> None:
        """Raise BusUnavailableError with reason and remedy, within 5 s, when it does not work."""

    def close(self) -> None:
        """Close the connection."""


def open_bus(analysis: AiAnalysis) -> Bus:
    """The bus of the settings; connects later. Raises SettingsError for an address it cannot be."""
    check_bus(analysis.mq_type, analysis.mq_address)
    alerts = _open_topic(analysis, analysis.mq_topic)
    if analysis.system_topic == analysis.mq_topic:
        return alerts
    from easyai.publish.system_topic import SystemApart

    return SystemApart(alerts, _open_topic(analysis, analysis.system_topic))


def _open_topic(analysis: AiAnalysis, topic: str) -> Bus:
    kind, address = analysis.mq_type, analysis.mq_address
    if kind == "kafka":
        from easyai.publish.kafka import KafkaBus

        return KafkaBus(address, topic)
    if kind == "rabbitmq":
        from easyai.publish.amqp import AmqpBus

        return AmqpBus(address, topic)
    from easyai.publish.redis_stream import RedisBus

    return RedisBus(address, topic)


class CurrentBus:
    """The bus that the settings name now: another one after they changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._named: tuple[str, ...] = ()
        self._bus: Bus | None = None

    def of(self, analysis: AiAnalysis) -> Bus:
        """The bus of these settings. Raises SettingsError for an address it cannot be."""
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
