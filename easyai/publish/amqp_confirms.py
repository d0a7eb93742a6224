"""RabbitMQ's confirms for the messages that were published on a channel."""

from __future__ import annotations

import re
import time
from typing import Final

from easyai.domain.reason import Reason
from easyai.publish.bus_interface import Message, Receipt

_TOO_LARGE: Final = re.compile(r"message size (\d+) is larger")


class Confirms:
    """The published messages without a confirm of RabbitMQ; tags count up per channel."""

    def __init__(self) -> None:
        self.pending: dict[int, Message] = {}
        self._receipt = Receipt()
        self._last_tag = 0
        self._began = 0.0

    def begin(self, receipt: Receipt) -> None:
        """Begin a new wave; confirms of the previous wave count no more."""
        self._receipt = receipt
        self._began = time.monotonic()
        self.pending = {}

    @property
    def lost_at_once(self) -> bool:
        """Whether the wave failed within 1 s, and no message of it was acknowledged."""
        return not self._receipt.acknowledged and time.monotonic() - self._began < 1.0

    def reset(self) -> None:
        """Start over for a new channel, which counts from 1."""
        self.pending, self._last_tag = {}, 0

    def expect(self, message: Message) -> None:
        """Record a message that was published just now."""
        self._last_tag += 1
        self.pending[self._last_tag] = message

    def acked(self, tag: int, multiple: bool) -> None:
        """Record that RabbitMQ has a message, or all messages up to it."""
        for message in self._take(tag, multiple):
            self._receipt.acknowledged.append(message.alert_id)

    def nacked(self, tag: int, multiple: bool) -> None:
        """Record that RabbitMQ did not take a message, or all messages up to it."""
        for message in self._take(tag, multiple):
            self._receipt.held_up[message.alert_id] = Reason("bus.rabbitmq_queue_full")

    def _take(self, tag: int, multiple: bool) -> list[Message]:
        tags = [other for other in self.pending if other == tag or (multiple and other < tag)]
        return [self.pending.pop(other) for other in tags]

    def refuse_too_large(self, error: str) -> bool:
        """Refuse the messages of the size in RabbitMQ's error; returns whether there are any."""
        match = _TOO_LARGE.search(error)
        size = int(match.group(1)) if match else -1
        refused = [waiting for waiting in self.pending.values() if len(waiting.body) == size]
        for message in refused:
            too_large = Reason.of("bus.rabbitmq_too_large", size_bytes=size)
            self._receipt.refused[message.alert_id] = too_large
        return bool(refused)
