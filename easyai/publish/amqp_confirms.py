"""What RabbitMQ has said of the messages that were published on a channel."""

from __future__ import annotations

import re
import time
from typing import Final

from easyai.domain.reason import Reason
from easyai.publish.base import Message, Receipt

_TOO_LARGE: Final = re.compile(r"message size (\d+) is larger")


class Confirms:
    """Which published messages RabbitMQ has not answered for yet; tags count up by channel."""

    def __init__(self) -> None:
        self.pending: dict[int, Message] = {}
        self._receipt = Receipt()
        self._last_tag = 0
        self._began = 0.0

    def begin(self, receipt: Receipt) -> None:
        """A new wave; answers to the one before count no more."""
        self._receipt = receipt
        self._began = time.monotonic()
        self.pending = {}

    @property
    def lost_at_once(self) -> bool:
        """Whether the wave failed in a moment and nothing of it was acknowledged."""
        return not self._receipt.acknowledged and time.monotonic() - self._began < 1.0

    def reset(self) -> None:
        """A new channel, which counts from 1."""
        self.pending, self._last_tag = {}, 0

    def expect(self, message: Message) -> None:
        """Note a message that was published just now."""
        self._last_tag += 1
        self.pending[self._last_tag] = message

    def acked(self, tag: int, multiple: bool) -> None:
        """RabbitMQ has a message, or all up to it."""
        for message in self._take(tag, multiple):
            self._receipt.acknowledged.append(message.alert_id)

    def nacked(self, tag: int, multiple: bool) -> None:
        """RabbitMQ did not take a message, or any up to it."""
        for message in self._take(tag, multiple):
            self._receipt.held_up[message.alert_id] = Reason("bus.rabbitmq_queue_full")

    def _take(self, tag: int, multiple: bool) -> list[Message]:
        tags = [one for one in self.pending if one == tag or (multiple and one < tag)]
        return [self.pending.pop(one) for one in tags]

    def refuse_too_large(self, said: str) -> bool:
        """Note the messages of the size that RabbitMQ complains of; whether there are any."""
        found = _TOO_LARGE.search(said)
        size = int(found.group(1)) if found else -1
        refused = [one for one in self.pending.values() if len(one.body) == size]
        for message in refused:
            too_large = Reason.of("bus.rabbitmq_too_large", size_bytes=size)
            self._receipt.refused[message.alert_id] = too_large
        return bool(refused)
