"""Causes in the flow: pictures out of reach, algorithms slower than what arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.causes.cause import Cause, Remedy, curl_command, easyai_command
from easyai.health.facts import Facts
from easyai.health.known import TypeFacts
from easyai.health.wording import frames, names, span

# How the reason of such a call tells it (pipeline/caller.py).
_NO_PICTURE: Final = "picture link does not work"


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong with the flow of frames."""
    if facts.known is None:
        return
    if facts.failed("pictures") or _blames_pictures(facts):
        yield _pictures(facts)
    slow = [one for one in facts.types if _is_slow(facts, one)]
    if slow:
        yield _slow(facts, slow)


def _blames_pictures(facts: Facts) -> bool:
    return bool(facts.known) and any(
        _NO_PICTURE in reason for reason, _ in (facts.known.reasons if facts.known else ())
    )


def _is_slow(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether frames of a type that is served and succeeds queue up, are dropped or skipped."""
    recent, limit = task_type.recent, facts.settings.ai_analysis.max_queue_size
    served = any(
        task_type.name in one.task_types and one.state in ROUTABLE for one in facts.services
    )
    if not served or not recent.successes or facts.is_quiet(task_type):
        return False
    if _samples(task_type):
        return True
    if not task_type.pending:
        return False
    waited_sec = facts.now - task_type.oldest_wait_at if task_type.oldest_wait_at else 0.0
    behind = waited_sec >= facts.settings.ai_analysis.stall_alarm_sec
    full = bool(limit) and task_type.pending > limit
    losing = recent.found > recent.processed + recent.sampled
    return (behind and losing) or full or bool(recent.queue_full)


def _samples(task_type: TypeFacts) -> bool:
    """Whether sampling is in force now, not only remembered from busier times."""
    return task_type.sampling_n > 1 and task_type.recent.sampled > 0


def _pictures(facts: Facts) -> Cause:
    url = facts.settings.easyai.effective_public_url
    evidence = []
    if why := facts.failed("pictures"):
        evidence.append(Words(f"A picture link tried now: {why}", f"现在尝试图片链接：{why}"))
    evidence += [
        Words(f"{frames(number).en} failed with: {reason}", f"{frames(number).zh}失败：{reason}")
        for reason, number in (facts.known.reasons if facts.known else ())
        if _NO_PICTURE in reason
    ]
    if facts.known and facts.known.processes and not facts.known.working("api", facts.now):
        evidence.append(
            Words(
                "No API process shows itself; it serves the pictures",
                "提供图片的 API 进程没有运行",
            )
        )
    local = facts.settings.frame_extractor.store == "local"
    return Cause(
        "pictures_unreachable",
        Words(
            "Algorithms cannot fetch the pictures: their links do not work",
            "算法服务取不到图片：图片链接无法访问",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "Ask from a machine of the services; public_url must be the address under "
                    "which they reach this server",
                    "在算法服务所在机器上访问；public_url 必须是它们访问本服务器的地址",
                )
                if local
                else Words(
                    "Ask the object store from a machine of the services",
                    "在算法服务所在机器上访问对象存储",
                ),
                curl_command(f"{url}/healthz") if local else curl_command(_store_url(facts)),
            ),
            Remedy(
                Words(
                    "See what is configured for host, port and public_url",
                    "查看 host、port 和 public_url 的配置",
                ),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=69 if facts.waiting else 52,
    )


def _store_url(facts: Facts) -> str:
    minio = facts.settings.frame_extractor.minio
    return f"{'https' if minio.use_ssl else 'http'}://{minio.endpoint}/"


def _given_up(one: TypeFacts) -> Iterator[Words]:
    dropped, skipped = one.recent.dropped, one.recent.sampled
    if dropped:
        yield Words(
            f"{one.name}: {dropped} dropped in the last minute",
            f"{one.name}：最近一分钟丢弃 {dropped} 张图片",
        )
    if _samples(one):
        yield Words(
            f"{one.name}: {skipped} skipped by sampling in the last minute "
            f"(1 of {one.sampling_n} is inferred)",
            f"{one.name}：最近一分钟抽样跳过 {skipped} 张图片（每 {one.sampling_n} 张推理 1 张）",
        )


def _slow(facts: Facts, slow: Sequence[TypeFacts]) -> Cause:
    evidence = []
    for one in slow:
        found, done = (n / one.recent_sec for n in (one.recent.found, one.recent.processed))
        number, age = frames(one.waiting), span(facts.now - (one.oldest_wait_at or facts.now))
        text = Words(
            f"{one.name}: {found:.1f} frames/s arrive, {done:.1f}/s are inferred; {number.en} "
            f"waiting, the oldest for {age.en}",
            f"{one.name}：每秒到达 {found:.1f} 张图片，推理 {done:.1f} 张；{number.zh}在等待，"
            f"最久的已 {age.zh}",
        )
        evidence.append(text)
        evidence += _given_up(one)
    who = names(one.name for one in slow)
    return Cause(
        "algorithms_too_slow",
        Words(
            f"Algorithms are too slow for what arrives ({who})",
            f"算法处理速度跟不上到达速度（{who}）",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "Start more services of the type; a service that can do more at once registers "
                    "a larger max_concurrency",
                    "增加该类型的算法服务；能并行处理更多的服务应以更大的 max_concurrency 注册",
                ),
                easyai_command(facts.settings, "stats"),
            ),
            Remedy(
                Words(
                    'Or infer each n-th frame only: [ai_analysis.types."<type>"] sampling = "auto"',
                    '或每 n 张图片只推理一张：[ai_analysis.types."<类型>"] sampling = "auto"',
                )
            ),
        ),
        weight=40,
    )
