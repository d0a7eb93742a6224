"""Names of checks, states, alarms, events and causes, to show by themselves.

Within a sentence they are arguments with the format ``word``.
"""

from __future__ import annotations

from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text


def check_name(name: str) -> Reason:
    """A check as people call it."""
    return Reason.of("name.check", name=name)


def state_name(state: str) -> Reason:
    """The state of a service as people call it."""
    return Reason.of("name.state", name=state)


def breaker_name(state: str) -> Reason:
    """The state of a breaker as people call it."""
    return Reason.of("name.breaker", name=state)


def kind_name(kind: str) -> Reason:
    """An alarm or event as people call it."""
    return Reason.of("name.kind", name=kind)


def cause_noted(cause: Reason) -> str:
    """The cause of an alarm as its row and its alerts have it: its code, else its English text."""
    return cause_code(cause) or text(cause)


def alarm_over(alarm: str, cause: Reason, lasted_sec: float) -> Reason:
    """That an alarm is over, with what is known of it; `alarm` is its kind and subject."""
    why = cause or Reason("name.cause_unknown")
    return Reason.of("event.alarm_over", alarm=alarm, cause=why, lasted_sec=lasted_sec)
