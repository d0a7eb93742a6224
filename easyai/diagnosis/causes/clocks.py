"""Machines whose clock is off: no reason for a standstill, but for wrong times."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.words import Words
from easyai.health.clocks import clocks_off
from easyai.health.facts import Facts
from easyai.messages.wording import off_by


def find(facts: Facts) -> Iterator[Cause]:
    """One cause that names every host."""
    off = clocks_off(facts.known, facts.now) if facts.known else {}
    if not off:
        return
    yield Cause(
        "clock_off",
        Words(
            "The clock of a machine is off; inference goes by the clock of the database",
            "有机器的时钟不准；推理按数据库时钟进行",
        ),
        tuple(_evidence(host, ahead_sec) for host, ahead_sec in sorted(off.items())),
        (
            Remedy(
                Words(
                    "Start the time service on that machine (chrony, or systemd-timesyncd)",
                    "在该机器上启动时间同步服务（chrony 或 systemd-timesyncd）",
                ),
                "timedatectl set-ntp true; chronyc makestep; timedatectl status",
            ),
        ),
        weight=15,
    )


def _evidence(host: str, ahead_sec: float) -> Words:
    off = off_by(ahead_sec)
    return Words(f"{host} is {off.en} of the database", f"{host} 比数据库{off.zh}")
