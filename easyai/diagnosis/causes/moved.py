"""Endpoints that their services have left: registered elsewhere under the same service_id."""

from __future__ import annotations

from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import concerned, ids, unregister_command
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.messages.wording import moment

_MOST: Final = 12


def moved_services(facts: Facts) -> Cause:
    """Nothing is lost by them; they are probed until somebody takes them out."""
    some = facts.moved
    evidence = tuple(
        Words(
            f"{one.service_id} was at {one.endpoint} until {moment(one.state_since)} at the "
            f"latest, and lives at {facts.moved_to(one)} now",
            f"{one.service_id} 原在 {one.endpoint}（最晚至 {moment(one.state_since)}），"
            f"现在 {facts.moved_to(one)} 运行",
        )
        for one in some[:_MOST]
    )
    return Cause(
        "service_moved",
        Words(
            f"Left behind by a service that moved: an old endpoint of {ids(some)} is still "
            "registered",
            f"服务已迁移，旧地址仍在注册表中：{ids(some)}",
        ),
        evidence,
        tuple(
            Remedy(
                Words(
                    f"Take out the old endpoint {one.endpoint}; the new one stays",
                    f"注销旧地址 {one.endpoint}；新地址不受影响",
                ),
                unregister_command(facts, one),
            )
            for one in some[:_MOST]
        ),
        weight=5,
        task_types=concerned(some, ()),
    )
