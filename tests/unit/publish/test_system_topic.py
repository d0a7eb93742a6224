"""A topic of system alarms that does not work costs the alerts of frames no time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from easyai.domain.reason import NO_REASON, quoted
from easyai.messages.catalogue import text
from easyai.publish import system_topic
from easyai.publish.bus_interface import Message, Receipt
from easyai.publish.system_topic import SystemApart


class FakeBus:
    """A bus that takes everything, or has trouble; a fake, for its tries are counted."""

    def __init__(self) -> None:
        self.trouble = NO_REASON
        self.tries = 0

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Acknowledge all, or nothing."""
        self.tries += 1
        if self.trouble:
            return Receipt(trouble=self.trouble)
        return Receipt(acknowledged=[message.alert_id for message in messages])

    def check(self) -> None:
        """Fine."""

    def close(self) -> None:
        """Nothing is open."""


def _message(number: int, *, of_system: bool) -> Message:
    return Message(number, "t", "c", b"{}", created_at=time.time(), of_system=of_system)


def test_system_topic_rests_after_trouble_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system_topic, "REST_SEC", 0.3)
    alerts, system = FakeBus(), FakeBus()
    system.trouble = quoted("no such topic")
    both = SystemApart(alerts, system)
    for number in range(1, 20, 2):
        wave = [_message(number, of_system=False), _message(number + 1, of_system=True)]
        receipt = both.send(wave)
        assert receipt.acknowledged == [number]
        assert text(receipt.held_up[number + 1]).endswith("system alarms: no such topic")
    assert (alerts.tries, system.tries) == (10, 1)
    system.trouble = NO_REASON
    time.sleep(0.4)
    assert both.send([_message(99, of_system=True)]).acknowledged == [99]
