"""What is wrong as one sees it from outside: since when, for how long, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.stalled_types import KEPT, since, standing_lines
from easyai.domain.alarm import Kind
from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import Known
from easyai.messages.names import check_name, kind_name
from easyai.messages.wording import counted, frames, moment, names, span

# Causes from this weight on stop inference of some type or of all.
STOPS: Final = 50


# Causes by which new pictures are not even found.
_STOP_SCANNING: Final = frozenset(
    {
        "beat_gone",
        "broker_down",
        "database_down",
        "disabled",
        "store_down",
        "worker_gone",
        "worker_hung",
    }
)
# Scans go on and look for nothing: since when is not known.
_SWITCHED_OFF: Final = Words(
    "Inference is switched off (ai_analysis.enable = false): pictures in the folder are not "
    "looked for and not counted",
    "推理已被关闭（ai_analysis.enable = false）：不查找图片目录中的新图片，也不计入",
)


class Status(StrEnum):
    """The whole in one word."""

    WELL = "well"
    DEGRADED = "degraded"  # something does not work; frames are inferred, or none waits
    STALLED = "stalled"  # frames wait or fail, none of a type succeeds; or none is looked for
    UNKNOWN = "unknown"  # the database does not answer


@dataclass(frozen=True, slots=True)
class Symptom:
    """The state of inference."""

    status: Status
    since: float  # when it stood still; 0 when it does not, or is not known
    last_success_at: float  # of the types that stand still, else of any; 0: not remembered
    lines: tuple[Words, ...]  # in the first of them the whole


def symptom(facts: Facts, causes: Sequence[Cause]) -> Symptom:
    """What one sees; while an alarm rings, not all is well."""
    if facts.known is None:
        return _unknown()
    seen = _seen(facts, facts.known, causes)
    if not facts.ringing:
        return seen
    return replace(seen, lines=(*seen.lines, ringing(facts)))


def _seen(facts: Facts, known: Known, causes: Sequence[Cause]) -> Symptom:
    if facts.stalled and not facts.failed("database"):
        return _stalled(facts)
    if any(_stops_scanning(cause) for cause in causes):
        return _not_scanned(facts, known)
    broken = [one for one in facts.checks.values() if not one.ok]
    if not causes and not broken and not facts.ringing:
        return _well(facts)
    return _degraded(facts, causes)


def _stops_scanning(cause: Cause) -> bool:
    # Workers that end again and again may live long enough to work.
    again = cause.code == "worker_restarts" and cause.weight >= STOPS
    return again or cause.code in _STOP_SCANNING


def ringing(facts: Facts) -> Words:
    """Which alarms ring, of what."""
    subjects: dict[str, list[str]] = {}
    for one in facts.ringing:
        subjects.setdefault(one.kind, []).append(one.subject)
    en, zh = [], []
    for kind, of in subjects.items():
        shown = names(filter(None, of))
        en.append(f"{kind} ({shown})" if shown else kind)
        called = kind_name(kind).zh
        zh.append(f"{called}（{shown}）" if shown else called)
    return Words(f"Alarms ringing: {', '.join(en)}", f"未解除的告警：{'、'.join(zh)}")


def _unknown() -> Symptom:
    words = Words(
        "Whether inference goes on cannot be told: the database does not answer. "
        "Frames that arrive stay where they are and wait",
        "数据库没有应答，无法判断推理是否在进行。新到的图片保留在原处等待",
    )
    return Symptom(Status.UNKNOWN, 0.0, 0.0, (words,))


def _not_scanned(facts: Facts, known: Known) -> Symptom:
    """Nothing is looked for: what lies in the folder meanwhile is in no number."""
    duty = known.duties.get("scan")
    enabled = facts.settings.ai_analysis.enable
    since = duty.done_at if duty and enabled else 0.0
    last, number = facts.last_success_at, frames(facts.waiting)
    success = _last_success(last)
    second = Words(
        f"{number.en} waiting that {'is' if facts.waiting == 1 else 'are'} known; {success.en}; "
        f"now: {moment(facts.now)}",
        f"已知 {number.zh}在等待；{success.zh}；当前时间：{moment(facts.now)}",
    )
    first = _not_scanned_since(since, facts.now) if enabled else _SWITCHED_OFF
    return Symptom(Status.STALLED, since, last, (first, second, KEPT))


def _not_scanned_since(since: float, now: float) -> Words:
    if not since:
        return Words(
            "Inference stands still, no scan has been done yet: pictures in the folder are not "
            "counted yet",
            "推理没有进行，还没有完成过扫描：图片目录中的图片尚未计入",
        )
    lasted = span(now - since)
    return Words(
        f"Inference has stood still since {moment(since)}, for {lasted.en}: pictures in the "
        "folder are not counted yet",
        f"推理自 {moment(since)} 起停止，已持续 {lasted.zh}：图片目录中的新图片尚未计入",
    )


def _last_success(last: float) -> Words:
    if not last:
        return Words("no success is remembered", "没有成功的记录")
    return Words(f"last success {moment(last)}", f"最后一次成功 {moment(last)}")


def _stalled(facts: Facts) -> Symptom:
    stalled = facts.stalled
    last = max(one.last_success_at for one in stalled)
    return Symptom(Status.STALLED, since(facts, stalled), last, tuple(standing_lines(facts)))


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
    total = len(facts.services)
    take = (
        Words(
            f"{usable} of {counted(total, 'service', 'services', '').en} "
            f"{'takes' if usable == 1 else 'take'} work",
            f"{total} 个服务中 {usable} 个可用",
        )
        if facts.known and facts.known.services
        else Words("No service has ever registered", "从未有算法服务注册")
    )
    second = Words(
        f"{take.en}, {number.en} waiting, {ago.en}", f"{take.zh}，{number.zh}在等待，{ago.zh}"
    )
    called = [check_name(name) for name in facts.checks]
    third = Words(
        f"All {len(called)} checks pass: {', '.join(one.en for one in called)}",
        f"全部 {len(called)} 项检查通过：{'、'.join(one.zh for one in called)}",
    )
    return Symptom(Status.WELL, 0.0, last, (words, second, third))


def _degraded(facts: Facts, causes: Sequence[Cause]) -> Symptom:
    number, last = frames(facts.waiting), facts.last_success_at
    threatened = any(cause.weight >= STOPS for cause in causes)
    if any(one.kind == Kind.INFERENCE_STALLED and one.raised_at > last for one in facts.ringing):
        goes_on = Words(
            "Inference has stood still and no frame has succeeded since",
            "推理曾停止，此后还没有成功的推理",
        )
    elif threatened and not any(one.kind == Kind.INFERENCE_STALLED for one in facts.ringing):
        goes_on = Words(
            "Nothing waits too long yet, but inference stops or will stop",
            "目前还没有图片等待过久，但推理已经停止或即将停止",
        )
    else:
        goes_on = Words("Inference goes on, but not all is well", "推理在进行，但存在问题")
    success = _last_success(last)
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
