"""System alarms on their own topic: consumers of the alerts of frames never see them.

A separate connection carries the system alarms. So a topic that cannot be used (it does not exist,
or this user has no permission for it) holds up the system alarms alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import BusUnavailableError
from easyai.publish.bus_interface import Bus, Message, Receipt

REST_SEC: Final = 30.0  # pause of the system topic after trouble with it


class SystemApart:
    """Two topics of a bus: the first for the alerts of frames, the second for system alarms."""

    def __init__(self, alerts: Bus, system: Bus) -> None:
        self._alerts = alerts
        self._system = system
        self._trouble = NO_REASON  # of the last attempt on the system topic
        self._rests_until = 0.0  # monotonic

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Send to both topics; trouble of the system topic holds up the system alarms only."""
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
            left = [alarm.alert_id for alarm in of_system if alarm.alert_id not in answered]
            receipt.held_up |= dict.fromkeys(left, _of_system(other.trouble))
        return receipt

    def _send_system(self, messages: Sequence[Message]) -> Receipt:
        """Send to the system topic, unless it rests: an attempt may cost all seconds of a run."""
        if time.monotonic() < self._rests_until:
            return Receipt(trouble=self._trouble)
        receipt = self._system.send(messages)
        if receipt.trouble:
            self._trouble, self._rests_until = receipt.trouble, time.monotonic() + REST_SEC
        return receipt

    def check(self) -> None:
        """Raise BusUnavailableError with reason and remedy when either topic does not work."""
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
