"""Machines whose clock is off: this causes wrong times, not a standstill."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.reason import Reason
from easyai.health.clocks import clocks_off
from easyai.health.facts import Facts


def find(facts: Facts) -> Iterator[Cause]:
    """A single cause that names every host."""
    off = clocks_off(facts.snapshot, facts.now) if facts.snapshot else {}
    if not off:
        return
    yield Cause(
        "clock_off",
        Reason("cause.clock_off.title"),
        tuple(_evidence(host, ahead_sec) for host, ahead_sec in sorted(off.items())),
        (
            Remedy(
                Reason("remedy.start_time_service"),
                "timedatectl set-ntp true; chronyc makestep; timedatectl status",
            ),
        ),
        weight=15,
    )


def _evidence(host: str, ahead_sec: float) -> Reason:
    if ahead_sec > 0:
        return Reason.of("clock.host_ahead", host=host, ahead_sec=ahead_sec)
    return Reason.of("clock.host_behind", host=host, behind_sec=-ahead_sec)
