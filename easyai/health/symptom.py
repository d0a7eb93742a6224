"""What is wrong as one sees it from outside: since when, for how long, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.cause import Cause
from easyai.health.facts import Facts
from easyai.health.known import TypeFacts
from easyai.health.wording import frames, moment, names, span

# Causes from this weight on stop inference of some type or of all.
STOPS: Final = 50


class Status(StrEnum):
    """The whole in one word."""

    WELL = "well"
    DEGRADED = "degraded"  # something does not work; frames are inferred, or none waits
    STALLED = "stalled"  # frames wait and none succeeds, of some type
    UNKNOWN = "unknown"  # the database does not answer


@dataclass(frozen=True, slots=True)
class Symptom:
    """The state of inference."""

    status: Status
    since: float  # when it stood still; 0 when it does not, or is not known
    last_success_at: float  # of the types that stand still, else of any; 0: not remembered
    lines: tuple[Words, ...]  # in the first of them the whole


def symptom(facts: Facts, causes: Sequence[Cause]) -> Symptom:
    """What one sees."""
    if facts.known is None:
        return _unknown()
    if facts.stalled:
        return _stalled(facts)
    broken = [one for one in facts.checks.values() if not one.ok]
    if not causes and not broken:
        return _well(facts)
    return _degraded(facts, causes)


def _unknown() -> Symptom:
    words = Words(
        "Whether inference goes on cannot be told: the database does not answer. "
        "Frames that arrive stay where they are and wait",
        "数据库没有应答，无法判断推理是否在进行。新到的帧保留在原处等待",
    )
    return Symptom(Status.UNKNOWN, 0.0, 0.0, (words,))


def _stalled(facts: Facts) -> Symptom:
    stalled = facts.stalled
    since = min(_stood_since(one, facts.now) for one in stalled)
    last = max(one.last_success_at for one in stalled)
    lasted = span(facts.now - since)
    which = _which(facts, stalled)
    lines = [
        Words(
            f"Inference{which.en} has stood still since {moment(since)}, for {lasted.en}: "
            f"{frames(_waiting(stalled)).en} waiting and none succeeds",
            f"{which.zh}推理自 {moment(since)} 起停止，已持续 {lasted.zh}："
            f"{frames(_waiting(stalled)).zh}在等待，没有成功的推理",
        ),
        Words(
            f"Last success: {moment(last)}; now: {moment(facts.now)}",
            f"最后一次成功：{moment(last)}；当前时间：{moment(facts.now)}",
        )
        if last
        else Words(
            f"No success is remembered; now: {moment(facts.now)}",
            f"没有成功的记录；当前时间：{moment(facts.now)}",
        ),
        Words(
            "No frame is lost by this: they are kept and inferred once the cause is gone "
            "(limits: outage_retention_hours, disk_min_free_percent)",
            "帧不会因此丢失：保留并在恢复后推理"
            "（限制：outage_retention_hours、disk_min_free_percent）",
        ),
    ]
    return Symptom(Status.STALLED, since, last, tuple(lines))


def _which(facts: Facts, stalled: Sequence[TypeFacts]) -> Words:
    busy = [one for one in facts.types if one.waiting or one.leased]
    if len(busy) == len(stalled):
        return Words("", "")
    shown = names(one.name for one in stalled)
    return Words(f" of {shown}", f"{shown} 的")


def _waiting(some: Sequence[TypeFacts]) -> int:
    return sum(one.waiting + one.leased for one in some)


def _stood_since(one: TypeFacts, now: float) -> float:
    """Since the last success, when frames that came after it wait; else since the oldest came."""
    began = [at for at in (one.oldest_wait_at, one.oldest_lease_at) if at]
    return max(min(began, default=now), one.last_success_at)


def _well(facts: Facts) -> Symptom:
    last = facts.last_success_at
    words = Words(f"All is well at {moment(facts.now)}", f"{moment(facts.now)} 一切正常")
    usable = sum(one.state in ROUTABLE for one in facts.services)
    ago = (
        Words(
            f"last success {span(facts.now - last).en} ago",
            f"最近一次成功在 {span(facts.now - last).zh}前",
        )
        if last
        else Words("none inferred lately", "近期没有推理")
    )
    number = frames(facts.waiting)
    second = Words(
        f"{usable} of {len(facts.services)} services take work, {number.en} waiting, {ago.en}",
        f"{len(facts.services)} 个服务中 {usable} 个可用，{number.zh}在等待，{ago.zh}",
    )
    third = Words(
        f"All {len(facts.checks)} checks pass: {', '.join(facts.checks)}",
        f"全部 {len(facts.checks)} 项检查通过：{', '.join(facts.checks)}",
    )
    return Symptom(Status.WELL, 0.0, last, (words, second, third))


def _degraded(facts: Facts, causes: Sequence[Cause]) -> Symptom:
    number, last = frames(facts.waiting), facts.last_success_at
    threatened = any(cause.weight >= STOPS for cause in causes)
    goes_on = (
        Words(
            "Nothing waits too long yet, but inference stops or will stop",
            "尚无帧等待过久，但推理已停止或将停止",
        )
        if threatened
        else Words("Inference goes on, but not all is well", "推理在进行，但存在问题")
    )
    success = (
        Words(f"last success {moment(last)}", f"最后一次成功 {moment(last)}")
        if last
        else Words("no success is remembered", "没有成功的记录")
    )
    return Symptom(
        Status.DEGRADED,
        0.0,
        last,
        (
            goes_on,
            Words(
                f"{number.en} waiting; {success.en}; now: {moment(facts.now)}",
                f"{number.zh}在等待；{success.zh}；当前时间：{moment(facts.now)}",
            ),
        ),
    )
