"""System alarms on a topic of their own: who consumes alerts of frames never sees one.

A connection of its own carries them. So a topic that cannot be used (it does not exist, or this
user has no right to it) holds up the system alarms alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import BusUnavailableError
from easyai.publish.base import Bus, Message, Receipt

REST_SEC: Final = 30.0  # of the second topic, after trouble with it


class SystemApart:
    """Two topics of one bus: one for the alerts of frames, one for system alarms."""

    def __init__(self, alerts: Bus, system: Bus) -> None:
        self._alerts = alerts
        self._system = system
        self._trouble = NO_REASON  # of the second topic, at its last try
        self._rests_until = 0.0  # monotonic

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Send to the two topics; trouble of the second one holds up the system alarms only."""
        of_system = [message for message in messages if message.of_system]
        of_frames = [message for message in messages if not message.of_system]
        receipt = self._alerts.send(of_frames) if of_frames else Receipt()
        if not of_system or receipt.trouble:
            return receipt
        other = self._send_system(of_system)
        receipt.acknowledged += other.acknowledged
        receipt.refused |= other.refused
        receipt.held_up |= other.held_up
        if other.trouble:
            answered = {*other.acknowledged, *other.refused, *other.held_up}
            left = [one.alert_id for one in of_system if one.alert_id not in answered]
            receipt.held_up |= dict.fromkeys(left, _of_system(other.trouble))
        return receipt

    def _send_system(self, messages: Sequence[Message]) -> Receipt:
        """Not while it rests: each try may cost as many seconds as a run of the outbox has."""
        if time.monotonic() < self._rests_until:
            return Receipt(trouble=self._trouble)
        receipt = self._system.send(messages)
        if receipt.trouble:
            self._trouble, self._rests_until = receipt.trouble, time.monotonic() + REST_SEC
        return receipt

    def check(self) -> None:
        """Raise BusUnavailableError with reason and remedy when one of the topics does not work."""
        self._alerts.check()
        try:
            self._system.check()
        except BusUnavailableError as error:
            raise BusUnavailableError(_of_system(error.reason)) from None

    def close(self) -> None:
        """Close both connections."""
        self._alerts.close()
        self._system.close()


def _of_system(why: Reason) -> Reason:
    return Reason.of("bus.system_topic", why=why)
