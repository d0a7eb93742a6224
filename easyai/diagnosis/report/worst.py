"""What a report shows of many: what is not well, the worst first, and a count of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.domain.service import ServiceState
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.wording import counted, frames, services

MOST_ROWS: Final = 10


def worst_types(facts: Facts) -> list[TypeFacts]:
    """The task types that are not well: those that stand still first, then by frames held up."""
    stalled = {one.name for one in facts.stalled}

    def place(one: TypeFacts) -> tuple[bool, int, int, str]:
        return one.name not in stalled, -(one.waiting + one.leased), -one.failed, one.name

    unwell = [one for one in facts.types if one.name in stalled or _is_held_up(facts, one)]
    return sorted(unwell, key=place)


def _is_held_up(facts: Facts, one: TypeFacts) -> bool:
    held = bool(one.waiting or one.leased)
    waited_sec = facts.now - one.oldest_wait_at if one.oldest_wait_at else 0.0
    late = waited_sec >= facts.settings.ai_analysis.stall_alarm_sec
    lost = one.parked or one.failed or one.lately.dropped
    return bool(lost) or late or (held and facts.is_quiet(one))


def further_types(some: Sequence[TypeFacts]) -> Words:
    """What is not shown of the types that are not well."""
    number = counted(len(some), "further task type", "further task types", "个任务类型")
    waiting = frames(sum(one.waiting + one.leased for one in some))
    failed = sum(one.failed for one in some)
    return Words(
        f"… and {number.en} not well: {waiting.en} waiting, {failed} failed",
        f"…… 另有 {number.zh}存在问题：{waiting.zh}在等待，{failed} 张失败",
    )


def unwell_services(facts: Facts) -> list[ServiceFacts]:
    """The services that are not online, rest by their breaker, fail or do not answer."""
    found = facts.known.services if facts.known else ()
    return [one for one in found if not _is_well(facts, one)]


def _is_well(facts: Facts, one: ServiceFacts) -> bool:
    if one.state != ServiceState.ONLINE or one.breaker != "closed" or facts.is_silent(one):
        return False
    return not facts.probe(one) and not facts.is_failing(one)


def well_services(facts: Facts, unwell: Sequence[ServiceFacts]) -> Words:
    """How many services are well, which the report leaves out."""
    number = services(len(facts.known.services if facts.known else ()) - len(unwell))
    verb = "is" if number.en.startswith("1 ") else "are"
    return Words(f"{number.en} {verb} well", f"{number.zh}正常")


def further_services(number: int) -> Words:
    """What is not shown of the services that are not well."""
    more = counted(number, "further service", "further services", "个服务")
    return Words(f"… and {more.en} not well", f"…… 另有 {more.zh}存在问题")


def passing_checks(number: int) -> Words:
    """How many checks pass, which the report leaves out."""
    checks = counted(number, "check passes", "checks pass", "项检查")
    return Words(checks.en, f"{checks.zh}通过")
