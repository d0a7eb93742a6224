"""Causes in restarted processes: a process hung, or processes end again and again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.process_facts import STARTS_SEC, ProcessFacts, Start
from easyai.health.snapshot import Snapshot
from easyai.process.end_codes import has_hung

_LATELY_SEC: Final = 60.0
_MANY: Final = 3
_MOST_MOMENTS: Final = 8
_KINDS: Final = ("worker", "beat", "api", "watchdog")


def hung_and_ended(facts: Facts, snapshot: Snapshot) -> Cause | None:
    """The cause, if a hung worker was killed in the last minute and nothing has succeeded since."""
    working = snapshot.working("worker", facts.now)
    again = [
        (process, start)
        for process in working
        for start in process.starts[-1:]
        if _is_new(facts, start)
    ]
    hung = [(process, start) for process, start in again if has_hung(start.reason)]
    ended = [
        process
        for process in snapshot.silent("worker", facts.now)
        if process.hung and not process.exists
    ]
    if working and not (facts.stalled and again and (hung or ended)):
        return None
    if not (hung or ended):
        return None
    evidence = [*_last_signs(ended), *_starts(hung or again)]
    title = "cause.worker_hung.restarted" if working else "cause.worker_hung.ended"
    return Cause(
        "worker_hung",
        Reason(title),
        tuple(evidence),
        (Remedy(Reason("remedy.see_why_it_hung"), log_command(facts, "worker")),),
        weight=89,
    )


def _is_new(facts: Facts, start: Start) -> bool:
    """Whether the process started within the last minute, and nothing has succeeded since."""
    return facts.now - start.at <= _LATELY_SEC and facts.last_success_at <= start.at


def _last_signs(ended: Sequence[ProcessFacts]) -> Iterator[Reason]:
    for process in sorted(ended, key=lambda process: -process.beat_at)[:_MANY]:
        yield Reason.of("process.fell_silent", name=process.name, beat_at=process.beat_at)


def _starts(some: Sequence[tuple[ProcessFacts, Start]]) -> Iterator[Reason]:
    for process, start in some[:_MANY]:
        began = Reason.of("process.started_at", name=process.name, started_at=start.at)
        if start.reason:
            began = Reason.of("process.started_at_why", start=began, why=start.reason)
        yield began


def restarts(facts: Facts, snapshot: Snapshot) -> Iterator[Cause]:
    """The causes for kinds of process that crashed or were killed several times lately."""
    for kind in _KINDS:
        working = snapshot.working(kind, facts.now)
        hosts: dict[str, list[ProcessFacts]] = {}
        for process in snapshot.processes:
            if process.kind == kind:
                hosts.setdefault(process.name.rpartition(":")[0], []).append(process)
        for where, own in hosts.items():
            starts = [start for process in own for start in process.starts]
            starts.sort(key=lambda start: start.at)
            # Processes that run in parallel now have not ended.
            alive = sum(bool(process.starts) for process in own if process in working)
            if len(starts) >= _MANY and len(starts) - alive >= _MANY - 1:
                yield _restarts(facts, kind, where, starts, bool(working))


def _restarts(facts: Facts, kind: str, where: str, starts: Sequence[Start], works: bool) -> Cause:
    moments = tuple(Reason.of("moment", at=start.at) for start in starts[-_MOST_MOMENTS:])
    evidence = [Reason.of("process.starts", where=where, moments=moments)]
    for why in dict.fromkeys(start.reason for start in reversed(starts) if start.reason):
        evidence.append(Reason.of("process.restart_reason", why=why))
    stops = kind == "worker" and bool(facts.stalled or not works or _scans_stay_out(facts))
    return Cause(
        f"{kind}_restarts",
        Reason.of("cause.restarts.title", kind=kind, starts=len(starts), within_sec=STARTS_SEC),
        tuple(evidence[: _MANY + 1]),
        (
            Remedy(
                Reason("remedy.see_why_it_ends"),
                f"{log_command(facts, kind)}; dmesg -T | grep -iE 'out of memory|oom' | tail",
            ),
        ),
        weight=88 if stops else 30,
    )


def _scans_stay_out(facts: Facts) -> bool:
    """Whether no run of a worker lives long enough for a scan."""
    lease = facts.snapshot.process_leases.get("scan") if facts.snapshot else None
    analysis = facts.settings.ai_analysis
    allowed_sec = analysis.stall_alarm_sec + analysis.scan_interval_sec
    return analysis.enable and lease is not None and facts.now - lease.done_at > allowed_sec


def log_command(facts: Facts, kind: str) -> str:
    """The command that shows the end of a process's log: from `easyai up`, else from systemd."""
    log = facts.settings.easyai.data_dir.absolute() / "logs" / f"{kind}.log"
    if log.is_file():
        return f"tail -n 50 {shlex.quote(str(log))}"
    return "journalctl -n 200 --no-pager | grep -iE 'easyai|celery'"
