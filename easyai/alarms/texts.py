"""What an alarm says, in both languages: what is wrong, since when, why, and what to do next.

Some English words are the contract's (section 6): operators search their logs for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.alarms.progress import Standstill
from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.stalled_types import unstopped
from easyai.domain.alarm import Kind
from easyai.domain.words import Words
from easyai.health.checks.check import CheckResult
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.snapshot import TypeFacts
from easyai.messages.bridge import words
from easyai.messages.wording import counted, frames, names, span
from easyai.settings.commands import easyai_command, report_command

_MOST_TYPES: Final = 3
_CHECKS: Final = {
    Kind.STORE_DOWN: Words(
        "the frame store does not work, no frame is found or read",
        "图片存储不可用，无法发现和读取图片",
    ),
    Kind.BUS_DOWN: Words(
        "the message bus does not take alerts, they wait in the table and are sent in order later",
        "消息总线不接收告警，告警保留在表中，恢复后按顺序发送",
    ),
    Kind.DISK_LOW: Words("disk space runs low", "磁盘空间不足"),
    Kind.SETTINGS_INVALID: Words(
        "the settings file has a mistake; easyai goes on with the last good settings",
        "配置文件有错误；easyai 沿用最近一份正确的配置",
    ),
    Kind.DATA_MOVED: Words("the data folder is not where it was", "数据目录已不在原处"),
}


def inference_stalled(facts: Facts, still: Standstill, subject: str, cause: Cause | None) -> Words:
    """Nothing succeeds, for all types or for the one named."""
    lasted = _lasted(facts, still, subject)
    if still.blind:
        what = Words(
            f"inference stands still: for {lasted.en} no frame could be found",
            f"推理停止：已有 {lasted.zh}无法发现新的图片",
        )
    else:
        begun = facts.now - min(still.types.values(), default=0.0)
        every = still.everything and not subject and not unstopped(facts, still.types, begun)
        named = [
            one
            for one in facts.types
            if every or one.name == subject or (not subject and one.name in still.types)
        ]
        held = _held(facts, named, "" if every else names(one.name for one in named))
        what = Words(
            f"inference stands still: {held.en} and none succeeded for {lasted.en}",
            f"推理停止：{held.zh}，{lasted.zh}内没有成功的推理",
        )
    return joined(what, _why(cause), _next(facts, cause))


def _lasted(facts: Facts, still: Standstill, subject: str) -> Words:
    """For how long; of several types from the shortest to the longest, where they differ."""
    longest_sec = still.lasted_sec(subject)
    shortest_sec = longest_sec if subject or still.blind else min(still.types.values())
    longest, shortest = span(longest_sec), span(shortest_sec)
    if longest_sec - shortest_sec < facts.settings.ai_analysis.stall_alarm_sec:
        return longest
    return Words(f"{shortest.en} to {longest.en}", f"{shortest.zh}至 {longest.zh}")


def _held(facts: Facts, types: Sequence[TypeFacts], of: str) -> Words:
    """What a success is owed to: frames that wait, are in flight, or failed."""
    waiting, flying = sum(one.waiting for one in types), sum(one.leased for one in types)
    failing = [one for one in types if facts.owes_failed(one)]
    of_en, of_zh = (f" of {of}", f"“{of}”的 ") if of else ("", "")
    wait, fly, fail = frames(waiting), frames(flying), words(failed_frames(failing))
    parts = []
    if waiting or not (flying or failing):
        parts.append((wait, Words(waits(waiting), "在等待")))
    if flying:
        parts.append((fly, Words("in flight", "已发出、没有应答")))
    if failing:
        parts.append((fail, Words("failed", "失败")))
    (first, state), *others = parts
    en = [f"{first.en}{of_en} {state.en}", *(f"{one.en} {state.en}" for one, state in others)]
    zh = [f"{of_zh}{first.zh}{state.zh}", *(f"{one.zh}{state.zh}" for one, state in others)]
    return Words(", ".join(en), "，".join(zh))


def waits(number: int) -> str:
    """The verb for so many frames."""
    return "waits" if number == 1 else "wait"


def backlog(facts: Facts, waiting: int, most: int) -> Words:
    """More frames wait than the operator allows."""
    strategy = facts.settings.ai_analysis.queue_full_strategy
    fate = (
        Words(
            "none is dropped (queue_full_strategy = wait)", "不丢弃（queue_full_strategy = wait）"
        )
        if strategy == "wait"
        else Words(
            f"frames are dropped (queue_full_strategy = {strategy})",
            f"将丢弃图片（queue_full_strategy = {strategy}）",
        )
    )
    sample = _or_sample(facts, [one for one in facts.types if one.pending])
    return Words(
        f"inference backlog alert: {waiting} frames wait, more than max_queue_size = {most}; "
        f"{fate.en}. Add services of the busy types{sample.en}",
        f"推理积压告警：{waiting} 张图片在等待，超过 max_queue_size = {most}；{fate.zh}。"
        f"请增加繁忙类型的算法服务{sample.zh}",
    )


def drops(facts: Facts, percent: float, dropped: int, total: int) -> Words:
    """Too many frames were given up, and of which types most."""
    command = easyai_command(facts.settings, "stats")
    dropping = [one for one in facts.types if one.lately.dropped]
    worst = sorted(dropping, key=lambda one: -one.lately.dropped)[:_MOST_TYPES]
    which = ", ".join(f"{names([one.name])} ({one.lately.dropped})" for one in worst)
    sample = _or_sample(facts, worst)
    return Words(
        f"high drop rate: {dropped} of {total} frames ({percent:.0f} %) were dropped in five "
        f"minutes, the most of {which}. Add services of these types{sample.en}. "
        f"See `{command}` for all types",
        f"丢弃率过高：五分钟内 {total} 张图片中丢弃 {dropped} 张 ({percent:.0f} %)，"
        f"丢弃最多的类型：{which}。请增加这些类型的算法服务{sample.zh}。"
        f"所有类型请运行 `{command}` 查看",
    )


def _or_sample(facts: Facts, some: Sequence[TypeFacts]) -> Words:
    """The other way out, for those of these types of which every frame is inferred."""
    of_type = facts.settings.ai_analysis.type_settings
    every = [one.name for one in some if of_type(one.name).sampling == 1]
    if not every:
        return Words("", "")
    shown = names(every)
    return Words(f", or set sampling for {shown}", f"，或为 {shown} 设置抽样 (sampling)")


def slow(facts: Facts, one: TypeFacts, mean_ms: float, most: float) -> Words:
    """The services of a type answer slowly."""
    command = easyai_command(facts.settings, "services")
    return Words(
        f"slow inference: {one.name} takes {mean_ms:.0f} ms a frame, more than "
        f"slow_inference_ms = {most:g}. See `{command}` for the slow service",
        f"推理缓慢：{one.name} 每张图片 {mean_ms:.0f} 毫秒，超过 slow_inference_ms = {most:g}。"
        f"请运行 `{command}` 查看缓慢的服务",
    )


def check_failed(kind: str, result: CheckResult, facts: Facts) -> Words:
    """Something that must work does not."""
    what, why = _CHECKS[Kind(kind)], result.words
    run = words(report_command(facts.settings))
    return Words(f"{what.en}: {why.en}. Run `{run.en}`", f"{what.zh}：{why.zh}。请运行 `{run.zh}`")


def outbox(facts: Facts, waiting: int, still_sec: float) -> Words:
    """The bus answers, but takes no alert."""
    number = counted(waiting, "alert waits", "alerts wait", "条告警待发送")
    still, kind = span(still_sec), facts.settings.ai_analysis.mq_type
    command = easyai_command(facts.settings, "alarms", "test")
    return Words(
        f"alerts do not reach the message bus ({kind}): it answers, but {number.en} and none was "
        f"acknowledged for {still.en}. They are kept and sent in order later. Look at the worker's "
        f"log and the topic's rights, then run `{command}`",
        f"告警无法送达消息总线（{kind}）：总线有应答，但 {number.zh}，{still.zh}内没有一条被确认。"
        f"告警会保留，恢复后按顺序补发。请查看 worker 日志和主题权限，然后运行 `{command}`",
    )


def clock_jump(jump_sec: float) -> Words:
    """The wall clock was set."""
    way, zh = ("forward", "向前") if jump_sec > 0 else ("back", "向后")
    by = span(abs(jump_sec))
    return Words(
        f"the clock of this machine jumped {way} by {by.en}; heartbeats and times of frames look "
        "wrong for a moment and correct themselves. Check its time service (timedatectl)",
        f"本机时钟{zh}跳变 {by.zh}；心跳和图片的时间会短暂异常，随后自动修正。"
        "请检查时间同步服务 (timedatectl)",
    )


def _why(cause: Cause | None) -> Words:
    if cause is None:
        return Words("The cause is not known", "原因未知")
    evidence = cause.evidence[:1]
    en = ". ".join([cause.words.en, *(one.en for one in evidence)])
    zh = "；".join([cause.words.zh, *(one.zh for one in evidence)])
    return Words(en, zh)


def _next(facts: Facts, cause: Cause | None) -> Words:
    report = words(report_command(facts.settings))
    whole = Words(f"the whole report: `{report.en}`", f"完整报告：`{report.zh}`")
    if cause is None or not cause.remedies:
        return Words(f"The whole report: `{report.en}`", whole.zh)
    first = cause.remedies[0]
    end = f": `{first.command}`" if first.command else ""
    return Words(f"{first.words.en}{end}; {whole.en}", f"{first.words.zh}{end}；{whole.zh}")


def joined(*parts: Words) -> Words:
    """Sentences one after the other."""
    return Words(
        ". ".join(part.en.rstrip(".") for part in parts),
        "。".join(part.zh.rstrip("。") for part in parts),
    )
