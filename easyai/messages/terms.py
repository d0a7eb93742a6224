"""Names of checks, states, alarms, events and causes, to show by themselves.

Within a sentence they are arguments with the format ``word``.
"""

from __future__ import annotations

from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text


def check_name(name: str) -> Reason:
    """The display name of a check."""
    return Reason.of("name.check", name=name)


def state_name(state: str) -> Reason:
    """The display name of a service's state."""
    return Reason.of("name.state", name=state)


def breaker_name(state: str) -> Reason:
    """The display name of a breaker's state."""
    return Reason.of("name.breaker", name=state)


def kind_name(kind: str) -> Reason:
    """The display name of a kind of alarm or event."""
    return Reason.of("name.kind", name=kind)


def cause_noted(cause: Reason) -> str:
    """The cause as stored in the alarm's row and alerts: its code, else its English text."""
    return cause_code(cause) or text(cause)


def alarm_over(alarm: str, cause: Reason, lasted_sec: float) -> Reason:
    """The end of an alarm, with its cause and duration; `alarm` is its kind and subject."""
    why = cause or Reason("name.cause_unknown")
    return Reason.of("event.alarm_over", alarm=alarm, cause=why, lasted_sec=lasted_sec)
