"""Causes in processes that were started again: one hung, or they end again and again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.process_facts import STARTS_SEC, ProcessFacts, Start
from easyai.health.snapshot import Known
from easyai.messages.reasons import reason
from easyai.messages.wording import moment, span

#: So begin the reasons for which a supervisor ends one that hangs (supervisor/liveness.py,
#: silent_stall.py).
HUNG: Final = ("it has hung", "it takes no tasks")
_LATELY_SEC: Final = 60.0
_MANY: Final = 3
_MOST_MOMENTS: Final = 8
_KINDS: Final = ("worker", "beat", "api", "watchdog")


def hung_and_ended(facts: Facts, known: Known) -> Cause | None:
    """A worker that hung and was ended within the last minute, when nothing has succeeded since."""
    working = known.working("worker", facts.now)
    again = [(one, start) for one in working for start in one.starts[-1:] if _is_new(facts, start)]
    said = [(one, start) for one, start in again if start.reason.startswith(HUNG)]
    ended = [one for one in known.silent("worker", facts.now) if one.hung and not one.exists]
    if working and not (facts.stalled and again and (said or ended)):
        return None
    if not (said or ended):
        return None
    evidence = [*_last_signs(ended), *_starts(said or again)]
    return Cause(
        "worker_hung",
        Words("The worker hung and was started again", "worker 卡住，已重新启动")
        if working
        else Words(
            "The worker hung and was ended; no other works yet",
            "worker 卡住，已被终止；新的尚未工作",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "Nothing needs to be done if inference goes on within a minute; else, and to "
                    "learn why it hung, look at its log",
                    "若一分钟内推理恢复，无需处理；否则（或要查明卡住原因）请查看其日志",
                ),
                log_command(facts, "worker"),
            ),
        ),
        weight=89,
    )


def _is_new(facts: Facts, start: Start) -> bool:
    """Whether it started within the last minute, and nothing has succeeded since."""
    return facts.now - start.at <= _LATELY_SEC and facts.last_success_at <= start.at


def _last_signs(ended: Sequence[ProcessFacts]) -> Iterator[Words]:
    for one in sorted(ended, key=lambda one: -one.beat_at)[:_MANY]:
        yield Words(
            f"{one.name} showed itself last at {moment(one.beat_at)}, was there and silent, and "
            "has ended since",
            f"{one.name} 最后一次报告在 {moment(one.beat_at)}，此后进程仍在但无报告，现已结束",
        )


def _starts(some: Sequence[tuple[ProcessFacts, Start]]) -> Iterator[Words]:
    for one, start in some[:_MANY]:
        why = reason(start.reason)
        yield Words(
            f"{one.name} started at {moment(start.at)}{f': {why.en}' if why.en else ''}",
            f"{one.name} 于 {moment(start.at)} 启动{f'：{why.zh}' if why.zh else ''}",
        )


def restarts(facts: Facts, known: Known) -> Iterator[Cause]:
    """Kinds of process that ended without order and were started again, several times lately."""
    for kind in _KINDS:
        working = known.working(kind, facts.now)
        hosts: dict[str, list[ProcessFacts]] = {}
        for one in known.processes:
            if one.kind == kind:
                hosts.setdefault(one.name.rpartition(":")[0], []).append(one)
        for where, own in hosts.items():
            starts = sorted(start for one in own for start in one.starts)
            # Those that work side by side have not ended.
            alive = sum(bool(one.starts) for one in own if one in working)
            if len(starts) >= _MANY and len(starts) - alive >= _MANY - 1:
                yield _restarts(facts, kind, where, starts, bool(working))


def _restarts(facts: Facts, kind: str, where: str, starts: Sequence[Start], works: bool) -> Cause:
    number, within = len(starts), span(STARTS_SEC)
    moments = ", ".join(moment(start.at) for start in starts[-_MOST_MOMENTS:])
    evidence = [Words(f"{where} started at {moments}", f"{where} 启动于 {moments}")]
    for said in dict.fromkeys(start.reason for start in reversed(starts) if start.reason):
        evidence.append(Words(f"Started again: {said}", f"重新启动的原因：{reason(said).zh}"))
    stops = kind == "worker" and bool(facts.stalled or not works or _scans_stay_out(facts))
    return Cause(
        f"{kind}_restarts",
        Words(
            f"The {kind} ends again and again: started {number} times within {within.en}",
            f"{kind} 反复退出：{within.zh}内启动了 {number} 次",
        ),
        tuple(evidence[: _MANY + 1]),
        (
            Remedy(
                Words(
                    "Look why it ends: at the end of its log, and whether the system ended it for "
                    "lack of memory",
                    "查看其退出原因：查看日志末尾，以及是否因内存不足被系统终止",
                ),
                f"{log_command(facts, kind)}; dmesg -T | grep -iE 'out of memory|oom' | tail",
            ),
        ),
        weight=88 if stops else 30,
    )


def _scans_stay_out(facts: Facts) -> bool:
    """Whether each life is too short for a scan."""
    duty = facts.known.duties.get("scan") if facts.known else None
    analysis = facts.settings.ai_analysis
    allowed_sec = analysis.stall_alarm_sec + analysis.scan_interval_sec
    return analysis.enable and duty is not None and facts.now - duty.done_at > allowed_sec


def log_command(facts: Facts, kind: str) -> str:
    """Show the end of the log of a process: that of `easyai up`, else that of systemd."""
    log = facts.settings.easyai.data_dir.absolute() / "logs" / f"{kind}.log"
    if log.is_file():
        return f"tail -n 50 {shlex.quote(str(log))}"
    return "journalctl -n 200 --no-pager | grep -iE 'easyai|celery'"
