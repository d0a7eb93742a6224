"""The named checks that the database's rows answer: processes, services, queue, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.checks.check import Check, CheckResult, NotWellError, run_one
from easyai.health.clocks import MOST_OFF_SEC, clocks_off
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.liveliness import api_gone, beat_late, scan_late
from easyai.health.snapshot import Known
from easyai.messages.wording import frames, moment, names, span

_Judge = Callable[[Facts, Known], Words | None]


@dataclass(frozen=True, slots=True)
class RowCheck:
    """One thing that the rows tell; they were read before, so it takes no time."""

    name: str
    facts: Facts
    judge: _Judge
    limit_sec: float = 1.0

    def check(self) -> None:
        """Raise NotWellError when the rows say that it does not work."""
        known = self.facts.known
        if known is None or self.facts.failed("database"):
            raise NotWellError(
                Words("not known while the database does not answer", "数据库没有应答，无法得知")
            )
        words = self.judge(self.facts, known)
        if words is not None:
            raise NotWellError(words)


def row_checks(facts: Facts) -> list[Check]:
    """Every check of this kind over facts that have been gathered."""
    return [RowCheck(name, facts, judge) for name, judge in _JUDGES.items()]


def row_results(facts: Facts) -> list[CheckResult]:
    """What they give."""
    return [run_one(check) for check in row_checks(facts)]


def _worker(facts: Facts, known: Known) -> Words | None:
    working = known.working("worker", facts.now)
    if not working:
        return Words("no worker shows that it works", "没有正在工作的 worker")
    late = scan_late(facts, known)
    if late:
        age = span(late)
        return Words(f"no scan has ended for {age.en}", f"已 {age.zh}没有完成扫描")
    return None


def _beat(facts: Facts, known: Known) -> Words | None:
    if not beat_late(facts, known):
        return None
    return Words(
        "no beat leads: nothing starts scans and sweeps", "没有 beat 在运行：扫描和巡检不会启动"
    )


def _api(facts: Facts, known: Known) -> Words | None:
    if not api_gone(facts, known):
        return None
    return Words("no API shows that it works", "没有正在工作的 API")


def _watchdog(facts: Facts, known: Known) -> Words | None:
    if known.working("watchdog", facts.now):
        return None
    return Words(
        "no watchdog runs: nobody would be told",
        "没有 watchdog 在运行：出现问题时不会通知任何人",
    )


def _services(facts: Facts, known: Known) -> Words | None:
    wanted = [one for one in known.types if one.waiting or one.leased or one.recent.found]
    unserved = [
        one.name
        for one in wanted
        if not any(one.name in own.task_types and own.state in ROUTABLE for own in facts.services)
    ]
    if unserved:
        shown = names(unserved)
        return Words(f"no algorithm for task type: {shown}", f"没有算法服务的任务类型：{shown}")
    if not facts.services and (known.services or known.types):
        return Words("no service is registered", "没有已注册的算法服务")
    away = [one.service_id for one in facts.services if one.state not in ROUTABLE]
    if away:
        return Words(f"offline: {names(away)}", f"离线：{names(away)}")
    return None


def _breakers(facts: Facts, known: Known) -> Words | None:
    del known
    opened = [
        one.service_id
        for one in facts.services
        if one.breaker == "open" or (one.breaker != "closed" and facts.is_failing(one))
    ]
    if not opened:
        return None
    return Words(f"calls fail, open for {names(opened)}", f"调用失败，熔断：{names(opened)}")


def backlog(facts: Facts, *, rings: bool) -> int:
    """The frames that count for `max_queue_size`; `rings`: the alarm of it.

    Parked frames wait for a service, not in a queue that is too long. But those that are parked
    while it rings were not worked off.
    """
    return sum(one.waiting if rings else one.pending for one in facts.types)


def _queue(facts: Facts, known: Known) -> Words | None:
    limit = facts.settings.ai_analysis.max_queue_size
    rings = any(one.kind == "queue_backlog" and one.over_at is None for one in known.alarms)
    waiting = backlog(facts, rings=rings)
    number = frames(waiting)
    if waiting > limit * (BACKLOG_OVER_BELOW if rings else 1.0):
        return Words(
            f"{number.en} waiting, max_queue_size = {limit}",
            f"{number.zh}在等待，max_queue_size = {limit}",
        )
    failing = [one for one in facts.stalled if facts.only_fails(one)]
    if failing:
        failed, shown = failed_frames(failing), names(one.name for one in failing)
        return Words(
            f"{failed.en} failed and none succeeds of {shown}",
            f"{failed.zh}失败，{shown} 没有成功",
        )
    stalled = [one for one in facts.stalled if one.pending or one.leased]
    if stalled:
        shown = names(one.name for one in stalled)
        number = frames(sum(one.waiting + one.leased for one in stalled))
        return Words(
            f"{number.en} waiting and none succeeds of {shown}",
            f"{number.zh}在等待，{shown} 没有成功",
        )
    return None


def _clock(facts: Facts, known: Known) -> Words | None:
    if known.ahead_sec:
        ahead = span(known.ahead_sec)
        return Words(
            f"rows lie {ahead.en} ahead of the clock: it was set back",
            f"记录比时钟超前 {ahead.zh}：时钟被回拨",
        )
    off = clocks_off(known, facts.now)
    if off:
        shown = names(sorted(off))
        return Words(
            f"off by more than {MOST_OFF_SEC:g} s from the database's on {shown}",
            f"{shown} 与数据库时钟相差超过 {MOST_OFF_SEC:g} 秒",
        )
    if facts.now - known.clock_jump_at < _JUMP_TOLD_SEC:
        when = moment(known.clock_jump_at)
        return Words(f"it jumped at {when}", f"在 {when} 发生跳变")
    return None


BACKLOG_OVER_BELOW: Final = 0.8  # of max_queue_size; until then its alarm rings
_JUMP_TOLD_SEC: Final = 600.0
_JUDGES: Final[dict[str, _Judge]] = {
    "worker": _worker,
    "beat": _beat,
    "api": _api,
    "watchdog": _watchdog,
    "services": _services,
    "breakers": _breakers,
    "queue": _queue,
    "clock": _clock,
}
