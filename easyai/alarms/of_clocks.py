"""The alarm of a machine whose clock is off, and its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.domain.alarm import Condition, Kind, Ringing
from easyai.domain.words import Words
from easyai.health.clocks import MOST_OFF_SEC, clocks_off
from easyai.health.facts import Facts
from easyai.messages.bridge import words
from easyai.messages.wording import off_by

_OVER_BELOW: Final = 0.5  # of MOST_OFF_SEC


def of_clocks(facts: Facts, ringing: Ringing, grace_sec: float) -> Iterator[Condition]:
    """A condition for each host whose clock is off; one that rings must come well near."""
    if facts.known is None:
        return
    for host, ahead_sec in clocks_off(facts.known, facts.now, MOST_OFF_SEC * _OVER_BELOW).items():
        if abs(ahead_sec) > MOST_OFF_SEC or (Kind.CLOCK_OFF, host) in ringing:
            said = _words(host, ahead_sec)
            yield Condition(Kind.CLOCK_OFF, host, "clock_off", said, grace_sec)


def _words(host: str, ahead_sec: float) -> Words:
    off = words(off_by(ahead_sec))
    return Words(
        f"the clock of {host} is {off.en} of the database's. Inference goes on by the clock of the "
        "database; but names and folders of pictures, logs and the links of an object store are "
        "wrong there. Start its time service: `timedatectl set-ntp true`, then `chronyc makestep`",
        f"{host} 的时钟比数据库时钟{off.zh}。推理按数据库时钟继续进行；但该机器上的图片名称和目录、"
        "日志以及对象存储链接的时间是错误的。请启动时间同步服务：`timedatectl set-ntp true`，"
        "然后 `chronyc makestep`",
    )
