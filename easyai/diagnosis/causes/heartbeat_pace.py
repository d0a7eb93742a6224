"""The cause that services send heartbeats more rarely than heartbeat_timeout_sec allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import concerned, ids, look_at_services
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts


def too_short(facts: Facts, some: Sequence[ServiceFacts]) -> Words:
    """How long these may be silent, and how often they send."""
    allowed = min(one.heartbeat_timeout_sec for one in some)
    sent = max(facts.pace_sec(one) for one in some)
    return Words(
        f"heartbeat_timeout_sec is too short: {allowed:g} s, they send every {sent:.0f} s "
        f"({ids(some)})",
        f"heartbeat_timeout_sec 过短：{allowed:g} 秒，而服务每 {sent:.0f} 秒发送一次心跳"
        f"（{ids(some)}）",
    )


def short_timeout(facts: Facts, some: Sequence[ServiceFacts]) -> Cause:
    """The cause; inference goes on, for they answer probes."""
    sent = max(facts.pace_sec(one) for one in some)
    least = math.ceil(2 * sent / 10) * 10
    return Cause(
        "heartbeat_timeout_short",
        too_short(facts, some),
        (
            Words(
                "Their heartbeats arrive in a steady pace, each after its time: between them they "
                "count as silent and are probed",
                "其心跳按固定间隔到达，但每次都超时：两次心跳之间被视为失联并被探测",
            ),
        ),
        (
            Remedy(
                Words(
                    f"Set heartbeat_timeout_sec = {least} below [ai_analysis] or, where the "
                    "service registers one of its own, there; or let the service send as often "
                    "as the answer to its registration says (heartbeat_interval_sec)",
                    f"在 [ai_analysis] 中设置 heartbeat_timeout_sec = {least}；"
                    "若服务注册时自带该值，则在服务端修改；"
                    "或让服务按注册应答中的 heartbeat_interval_sec 发送心跳",
                )
            ),
            look_at_services(facts),
        ),
        weight=34,
        task_types=concerned(some, ()),
    )
