"""Two services that register at one endpoint in turn, each in place of the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import concerned, look_at_services, ports_command
from easyai.domain.takeover import TOGETHER_SEC, Takeover, takeover
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts
from easyai.messages.wording import moment, names

_FEWEST: Final = 3  # a new name that is taken back makes two


def find(facts: Facts) -> Iterator[Cause]:
    """The endpoints that are contested now."""
    found = [(one, told) for one in facts.services if (told := _contested(facts, one))]
    if not found:
        return
    some = [one for one, _ in found]
    endpoints = names(one.endpoint for one in some)
    yield Cause(
        "endpoint_contested",
        Words(
            f"Several service_ids register in turn at {endpoints}: the last one counts, and calls "
            "for either go to whatever listens there",
            f"多个 service_id 轮流注册同一地址 {endpoints}：以最后注册的为准，"
            "请求都发往实际监听该地址的程序",
        ),
        tuple(_evidence(one, told) for one, told in found),
        (
            Remedy(
                Words(
                    "See on its machine which program listens there",
                    "在该地址所在机器上查看实际监听的程序",
                ),
                ports_command(some),
            ),
            Remedy(
                Words(
                    "Give the other one, in its own settings, the address that it listens at, or "
                    "end it; when both are one program, give it one service_id",
                    "在另一个服务的配置中填写它自己监听的地址，或停止它；"
                    "若两者是同一程序，请只用一个 service_id",
                )
            ),
            look_at_services(facts),
        ),
        weight=28,
        task_types=concerned(some, ()),
    )


def _contested(facts: Facts, service: ServiceFacts) -> Takeover | None:
    told = takeover(service.state_reason)
    if told is None or told.times < _FEWEST:
        return None
    return told if facts.now - service.state_since <= TOGETHER_SEC else None


def _evidence(service: ServiceFacts, told: Takeover) -> Words:
    when = moment(service.state_since)
    return Words(
        f"{service.endpoint} has changed hands {told.times} times, last at {when}: "
        f"{service.service_id} in place of {told.before}",
        f"{service.endpoint} 已易主 {told.times} 次，最近一次在 {when}："
        f"{service.service_id} 取代 {told.before}",
    )
