"""What the report says of task types that stand still: which ones, since when, what waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.bridge import words
from easyai.messages.wording import frames, moment, names, span

KEPT: Final = Words(
    "No frame is lost by this: they are kept and inferred once the cause is gone "
    "(limits: outage_retention_hours, disk_min_free_percent)",
    "图片不会因此丢失：会保留，恢复后继续推理"
    "（限制：outage_retention_hours、disk_min_free_percent）",
)
_KEPT_FAILED: Final = Words(
    "Failed frames are kept with their pictures (limit: failed_retention_days) and inferred anew "
    "once they are requeued",
    "失败的图片会保留（限制：failed_retention_days），重新排队后会再次推理",
)


def unstopped(facts: Facts, stopped: Collection[str], since: float) -> list[TypeFacts]:
    """The other task types that succeed, or wait for nothing and have a service that works.

    `stopped`: the names of those that stand still, `since`: from when on. A service of both tells
    nothing of an idle type.
    """
    at_work = {
        name
        for service in facts.services
        if _works(facts, service) and not set(service.task_types).intersection(stopped)
        for name in service.task_types
    }
    return [
        one
        for one in facts.types
        if one.name not in stopped
        and (one.waiting or one.leased or one.last_success_at > since or one.name in at_work)
    ]


def _works(facts: Facts, service: ServiceFacts) -> bool:
    answers = not facts.probe(service) or facts.is_busy(service)
    return answers and service.state in ROUTABLE and not facts.is_failing(service)


def standing_lines(facts: Facts) -> list[Words]:
    """The lines of the symptom while types stand still, the headline first."""
    stalled = facts.stalled
    unserved = _unserved(facts) if _part_of(facts, stalled) else []
    rest = [one for one in stalled if one not in unserved]
    failing = [one for one in stalled if facts.owes_failed(one)]
    lines = [_headline(facts, rest)] if rest else []
    if unserved:
        lines.append(_without_service(facts, unserved))
    lines.append(_last_success(facts, stalled))
    if failing:
        lines.append(_KEPT_FAILED)
    if _waiting(stalled):
        lines.append(KEPT)
    return lines


def since(facts: Facts, some: Sequence[TypeFacts]) -> float:
    """Since when the first of these types has stood still."""
    return min(facts.stalled_since(one) for one in some)


def _part_of(facts: Facts, stalled: Sequence[TypeFacts]) -> bool:
    """Whether other types do not stand still, or these do so for different reasons."""
    stopped = {one.name for one in stalled}
    served = any(_has_service(facts, one) for one in stalled)
    return served or bool(unstopped(facts, stopped, since(facts, stalled)))


def _unserved(facts: Facts) -> list[TypeFacts]:
    return [one for one in facts.stalled if one.waiting and not _has_service(facts, one)]


def _has_service(facts: Facts, one: TypeFacts) -> bool:
    return any(one.name in service.task_types for service in facts.services)


def _headline(facts: Facts, stalled: Sequence[TypeFacts]) -> Words:
    began = since(facts, stalled)
    lasted, held = span(facts.now - began), _held(facts, stalled)
    which = _which(facts, stalled)
    return Words(
        f"Inference{which.en} has stood still since {moment(began)}, for {lasted.en}: "
        f"{held.en} and none succeeds",
        f"{which.zh}推理自 {moment(began)} 起停止，已持续 {lasted.zh}：{held.zh}，没有成功的推理",
    )


def _which(facts: Facts, stalled: Sequence[TypeFacts]) -> Words:
    if not unstopped(facts, {one.name for one in stalled}, since(facts, stalled)):
        return Words("", "")
    shown = names(one.name for one in stalled)
    return Words(f" of {shown}", f"{shown} 的")


def _without_service(facts: Facts, unserved: Sequence[TypeFacts]) -> Words:
    """That nothing registered takes these types; inference of others is another matter."""
    shown, number = names(one.name for one in unserved), frames(_waiting(unserved))
    began = since(facts, unserved)
    lasted, waits = span(facts.now - began), "waits" if _waiting(unserved) == 1 else "wait"
    return Words(
        f"No service is registered for {shown}: {number.en} {waits} since {moment(began)}, "
        f"for {lasted.en}",
        f"没有为 {shown} 注册的算法服务：{number.zh}自 {moment(began)} 起等待，已持续 {lasted.zh}",
    )


def _last_success(facts: Facts, stalled: Sequence[TypeFacts]) -> Words:
    last = max(one.last_success_at for one in stalled)
    if not last:
        return Words(
            f"No success is remembered; now: {moment(facts.now)}",
            f"没有成功的记录；当前时间：{moment(facts.now)}",
        )
    return Words(
        f"Last success: {moment(last)}; now: {moment(facts.now)}",
        f"最后一次成功：{moment(last)}；当前时间：{moment(facts.now)}",
    )


def _waiting(some: Sequence[TypeFacts]) -> int:
    return sum(one.waiting + one.leased for one in some)


def _held(facts: Facts, stalled: Sequence[TypeFacts]) -> Words:
    """What a success is owed to: frames that wait, are in flight, or failed."""
    failing = [one for one in stalled if facts.owes_failed(one)]
    waiting, failed = frames(_waiting(stalled)), words(failed_frames(failing))
    if not failing:
        return Words(f"{waiting.en} waiting", f"{waiting.zh}在等待")
    if not _waiting(stalled):
        return Words(f"{failed.en} failed", f"{failed.zh}失败")
    return Words(
        f"{failed.en} failed, {waiting.en} waiting", f"{failed.zh}失败，{waiting.zh}在等待"
    )
