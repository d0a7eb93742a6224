"""The alarm of a machine whose clock is off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.domain.alarm import AlarmKind, Condition, Ringing
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import Reason
from easyai.health.clocks import MOST_OFF_SEC, clocks_off
from easyai.health.facts import Facts
from easyai.messages.wording import off_by

_OVER_BELOW: Final = 0.5  # of MOST_OFF_SEC


def of_clocks(facts: Facts, ringing: Ringing, grace_sec: float) -> Iterator[Condition]:
    """A condition for each host whose clock is off; a ringing alarm ends at half the limit."""
    if facts.snapshot is None:
        return
    for host, ahead_sec in clocks_off(
        facts.snapshot, facts.now, MOST_OFF_SEC * _OVER_BELOW
    ).items():
        if abs(ahead_sec) > MOST_OFF_SEC or (AlarmKind.CLOCK_OFF, host) in ringing:
            reason = Reason.of("alarm.clock_off", host=host, off=off_by(ahead_sec))
            yield Condition(AlarmKind.CLOCK_OFF, host, found_cause("clock_off"), reason, grace_sec)
