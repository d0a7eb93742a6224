"""Causes in the speed of the algorithms: frames queue up, or sampling skips what they cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import MOST_TYPES, further_types
from easyai.domain.alarm import Kind
from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import TypeFacts
from easyai.messages.wording import frames, names, span
from easyai.settings.commands import easyai_command

_STANDSTILLS: Final = (Kind.INFERENCE_STALLED, Kind.NO_ALGORITHM)


def find(facts: Facts) -> Iterator[Cause]:
    """Types that are served and succeed, and yet not every frame is inferred soon."""
    working = [one for one in facts.types if _works(facts, one)]
    dropping = [one for one in facts.types if _drops(facts, one)]
    queues = [one for one in working if _queues_up(facts, one) and not _drops(facts, one)]
    slow = queues + dropping
    sampled = [one for one in working if _samples(facts, one)]
    if slow:
        yield _slow(facts, slow, sampled)
    elif sampled:
        yield _sampled(facts, sampled)


def _drops(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether frames were dropped while the alarm of that rings, though all may be well by now."""
    return (
        bool(task_type.lately.dropped)
        and any(one.kind == Kind.HIGH_DROP_RATE for one in facts.ringing)
        and _served(facts, task_type)
        and task_type not in facts.stalled
    )


def _served(facts: Facts, task_type: TypeFacts) -> bool:
    return any(task_type.name in one.task_types and one.state in ROUTABLE for one in facts.services)


def _works(facts: Facts, task_type: TypeFacts) -> bool:
    return (
        _served(facts, task_type)
        and bool(task_type.recent.successes)
        and not facts.is_quiet(task_type)
    )


def _queues_up(facts: Facts, task_type: TypeFacts) -> bool:
    recent, limit = task_type.recent, facts.settings.ai_analysis.max_queue_size
    if not task_type.pending:
        return False
    waited_sec = facts.now - task_type.oldest_wait_at if task_type.oldest_wait_at else 0.0
    stall_sec = facts.settings.ai_analysis.stall_alarm_sec
    behind = waited_sec >= stall_sec and not _stood(facts, task_type)
    full = task_type.pending > limit
    losing = recent.found > recent.processed + recent.sampled + recent.superseded
    return (behind and losing) or full or bool(recent.queue_full)


def _stood(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether a type stood still within the time that its rates are measured over."""
    known = facts.known
    return known is not None and any(
        one.kind in _STANDSTILLS
        and one.subject in ("", task_type.name)
        and (one.over_at is None or facts.now - one.over_at <= 2 * task_type.recent_sec)
        for one in known.alarms
    )


def _samples(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether n is above 1 because of the load now, not only remembered from busier times."""
    return (
        _is_automatic(facts, task_type)
        and task_type.sampling_n > 1
        and task_type.recent.sampled > 0
    )


def _is_automatic(facts: Facts, task_type: TypeFacts) -> bool:
    return facts.settings.ai_analysis.type_settings(task_type.name).sampling == "auto"


def _slow(facts: Facts, slow: Sequence[TypeFacts], sampled: Sequence[TypeFacts]) -> Cause:
    who = names(one.name for one in slow)
    remedies = [_more_services(facts)]
    if every := [one for one in slow if not _is_automatic(facts, one)]:
        of_them = names(one.name for one in every)
        remedies.append(
            Remedy(
                Words(
                    f"Or infer each n-th frame only ({of_them}): "
                    '[ai_analysis.types."<type>"] sampling = "auto"',
                    f"或每 n 张图片只推理一张（{of_them}）："
                    '[ai_analysis.types."<类型>"] sampling = "auto"',
                )
            )
        )
    return Cause(
        "algorithms_too_slow",
        Words(
            f"Algorithms are too slow for what arrives ({who})",
            f"算法处理速度跟不上到达速度（{who}）",
        ),
        tuple(_evidence(facts, [*slow, *(one for one in sampled if one not in slow)])),
        tuple(remedies),
        weight=40,
        task_types=tuple(one.name for one in slow),
    )


def _sampled(facts: Facts, sampled: Sequence[TypeFacts]) -> Cause:
    who = names(one.name for one in sampled)
    return Cause(
        "algorithms_too_slow",
        Words(
            f"Algorithms keep up because sampling skips frames ({who})",
            f"算法无法处理全部图片，正在抽样推理（{who}）",
        ),
        tuple(_evidence(facts, sampled)),
        (
            Remedy(
                Words(
                    'Nothing, if the frames skipped are not missed: sampling = "auto" goes back to '
                    "every frame by itself when the services have room",
                    '若不需要推理每张图片，则无需处理：sampling = "auto" 会在算法服务有余力时'
                    "自动恢复逐张推理",
                )
            ),
            _more_services(facts),
        ),
        weight=15,
        task_types=tuple(one.name for one in sampled),
    )


def _more_services(facts: Facts) -> Remedy:
    return Remedy(
        Words(
            "Start more services of the type; a service that can do more at once registers "
            "a larger max_concurrency",
            "增加该类型的算法服务；能并行处理更多的服务应以更大的 max_concurrency 注册",
        ),
        easyai_command(facts.settings, "stats"),
    )


def _evidence(facts: Facts, types: Sequence[TypeFacts]) -> Iterator[Words]:
    worst = sorted(types, key=lambda one: -one.waiting)
    for one in worst[:MOST_TYPES]:
        found, done = (n / one.recent_sec for n in (one.recent.found, one.recent.processed))
        wait = _wait(facts, one)
        yield Words(
            f"{one.name}: {found:.1f} frames/s arrive, {done:.1f}/s are inferred; {wait.en}",
            f"{one.name}：每秒到达 {found:.1f} 张图片，推理 {done:.1f} 张；{wait.zh}",
        )
        yield from _given_up(facts, one)
    yield from further_types(worst[MOST_TYPES:])


def _wait(facts: Facts, one: TypeFacts) -> Words:
    if not one.waiting:
        return Words("none waits", "没有图片在等待")
    number, age = frames(one.waiting), span(facts.now - (one.oldest_wait_at or facts.now))
    return Words(
        f"{number.en} waiting, the oldest for {age.en}", f"{number.zh}在等待，最久的已 {age.zh}"
    )


def _given_up(facts: Facts, one: TypeFacts) -> Iterator[Words]:
    dropped, skipped = one.recent.dropped, one.recent.sampled
    if _drops(facts, one):
        lost, total = one.lately.dropped, one.lately.dropped + one.lately.processed
        yield Words(
            f"{one.name}: {lost} of {total} frames were dropped in five minutes",
            f"{one.name}：五分钟内 {total} 张图片中丢弃 {lost} 张",
        )
    elif dropped:
        yield Words(
            f"{one.name}: {dropped} dropped in the last minute",
            f"{one.name}：最近一分钟丢弃 {dropped} 张图片",
        )
    if _samples(facts, one):
        yield Words(
            f"{one.name}: {skipped} skipped by sampling in the last minute "
            f"(1 of {one.sampling_n} is inferred)",
            f"{one.name}：最近一分钟抽样跳过 {skipped} 张图片（每 {one.sampling_n} 张推理 1 张）",
        )
