"""Causes in our own processes: no worker, beat, API or watchdog, or a worker that hangs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.killed_for_memory import killed_for_memory
from easyai.diagnosis.causes.restarts import hung_and_ended, log_command, restarts
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.liveness import api_gone, beat_late, scan_late
from easyai.health.process_facts import ProcessFacts
from easyai.health.snapshot import Snapshot
from easyai.settings.commands import celery_command, easyai_command
from easyai.supervisor import running as supervisor

_TOGETHER_SEC: Final = 6.0  # processes that ended together have last signs of life this close
_KINDS: Final = ("worker", "beat", "api", "watchdog")
_PROCESSES: Final = "ps aux | grep -E '[c]elery|[e]asyai'"


def find(facts: Facts) -> Iterator[Cause]:
    """The causes in workers, beats, APIs and watchdogs."""
    snapshot = facts.snapshot
    if snapshot is None:
        return
    if facts.failed("database"):
        yield from _gone_for_sure(facts, snapshot)
        return
    workers = list(_workers(facts, snapshot))
    if [cause.code for cause in workers] == ["worker_gone"] and _nothing_works(facts, snapshot):
        yield _nothing_runs(facts, snapshot)
        return
    yield from workers
    if not facts.failed("broker") and beat_late(facts, snapshot):
        yield _beat_gone(facts, snapshot)
    if api_gone(facts, snapshot):
        yield _api_gone(facts, snapshot)
    if not snapshot.working("watchdog", facts.now):
        yield _watchdog_gone(facts, snapshot)


def _nothing_works(facts: Facts, snapshot: Snapshot) -> bool:
    """Whether no process of ours works and no `easyai up` restarts them."""
    works = any(snapshot.working(kind, facts.now) for kind in _KINDS)
    return not works and _supervisor(facts) is None


def _supervisor(facts: Facts) -> int | None:
    return supervisor.running(facts.settings.easyai.data_dir)


def _workers(facts: Facts, snapshot: Snapshot) -> Iterator[Cause]:
    working = snapshot.working("worker", facts.now)
    hung = [worker for worker in snapshot.silent("worker", facts.now) if worker.exists]
    again = list(restarts(facts, snapshot))
    killed = list(killed_for_memory(facts, snapshot))
    if killed:
        yield from killed
        again = [cause for cause in again if cause.code != "worker_restarts"]
    elif hung and not working:
        yield _worker_hung(facts, hung)
    elif ended := hung_and_ended(facts, snapshot):
        yield ended
    elif not working and not any(cause.code == "worker_restarts" for cause in again):
        yield _worker_gone(facts, snapshot)
    elif working and (late := scan_late(facts, snapshot)):
        yield _scan_stuck(facts, working, late)
    yield from again


def _gone_for_sure(facts: Facts, snapshot: Snapshot) -> Iterator[Cause]:
    """The cause if no worker process exists. Silent rows prove nothing while the database fails."""
    every = [worker for worker in snapshot.processes if worker.kind == "worker"]
    newest_at = max((worker.beat_at for worker in every), default=0.0)
    # Rows from before a restart of the machine belong to no process that could run now.
    workers = [worker for worker in every if newest_at - worker.beat_at <= _TOGETHER_SEC]
    if workers and all(worker.exists is False for worker in workers):
        yield _worker_gone(facts, snapshot)


_THERE: Final = {True: Reason("process.still_there"), False: Reason("process.gone"), None: None}


def _shown(facts: Facts, some: Sequence[ProcessFacts]) -> Iterator[Reason]:
    for process in sorted(some, key=lambda process: -process.beat_at)[:3]:
        yield Reason.of(
            "process.last_shown",
            name=process.name,
            beat_at=process.beat_at,
            ago_sec=facts.now - process.beat_at,
            there=_THERE[process.exists],
        )


def _newest(facts: Facts, snapshot: Snapshot, kind: str) -> Iterator[Reason]:
    """The last sign of a kind of process: rows that fell silent, or an orderly stop.

    Rows of processes that were replaced long before are left out.
    """
    silent = snapshot.silent(kind, facts.now)
    stopped_at = snapshot.stopped.get(kind, 0.0)
    newest_at = max((process.beat_at for process in silent), default=0.0)
    if stopped_at > newest_at:
        ago_sec = facts.now - stopped_at
        yield Reason.of("process.last_stopped", stopped_at=stopped_at, ago_sec=ago_sec)
        return
    yield from _shown(
        facts, [process for process in silent if newest_at - process.beat_at <= _TOGETHER_SEC]
    )


def _start_remedies(facts: Facts, part: str) -> tuple[Remedy, ...]:
    pid = _supervisor(facts)
    if pid is not None:
        again = Reason.of("remedy.up_starts_it", pid=pid)
        return (Remedy(again, log_command(facts, part)),)
    everything = easyai_command(facts.settings, "up")
    command = celery_command if part in ("worker", "beat") else easyai_command
    by_hand = command(facts.settings, part)
    again = Reason.of("remedy.start_again", everything=everything, by_hand=by_hand)
    return _see_what_runs(), Remedy(again)


def _see_what_runs() -> Remedy:
    return Remedy(Reason("remedy.see_what_runs"), _PROCESSES)


def _nothing_runs(facts: Facts, snapshot: Snapshot) -> Cause:
    """A single cause for all processes, with a single remedy."""
    never = (Reason("process.none_ever"),)
    return Cause(
        "worker_gone",
        Reason("cause.nothing_runs.title"),
        tuple(tuple(_last_seen(facts, snapshot)) or never),
        (
            Remedy(Reason("remedy.start"), easyai_command(facts.settings, "up")),
            _see_what_runs(),
        ),
        weight=90,
    )


def _last_seen(facts: Facts, snapshot: Snapshot) -> Iterator[Reason]:
    """The last sign of each kind of process."""
    for kind in _KINDS:
        for seen in list(_newest(facts, snapshot, kind))[:1]:
            yield Reason.of("process.of_kind", kind=kind, seen=seen)


def _worker_gone(facts: Facts, snapshot: Snapshot) -> Cause:
    never = (Reason("process.no_worker_ever"),)
    return Cause(
        "worker_gone",
        Reason("cause.worker_gone.title"),
        tuple(tuple(_newest(facts, snapshot, "worker")) or never),
        _start_remedies(facts, "worker"),
        weight=90,
    )


def _worker_hung(facts: Facts, hung: Sequence[ProcessFacts]) -> Cause:
    pids = " ".join(str(worker.pid) for worker in hung[:3])
    return Cause(
        "worker_hung",
        Reason("cause.worker_hung.title"),
        tuple(_shown(facts, hung)),
        (
            Remedy(
                Reason("remedy.see_what_it_waits_for"),
                f"ps -o pid,stat,wchan:30,etime,cmd -p {pids}",
            ),
            Remedy(Reason("remedy.kill_worker"), f"kill -9 {pids}"),
        ),
        weight=89,
    )


def _scan_stuck(facts: Facts, working: Sequence[ProcessFacts], late: float) -> Cause:
    return Cause(
        "worker_hung",
        Reason.of("cause.scan_stuck.title", late_sec=late),
        tuple(_shown(facts, working)),
        (
            _see_what_runs(),
            Remedy(
                Reason("remedy.restart_workers"),
                celery_command(facts.settings, "inspect", "active"),
            ),
        ),
        weight=86,
    )


def _beat_gone(facts: Facts, snapshot: Snapshot) -> Cause:
    beat_lease = snapshot.process_leases.get("beat")
    evidence = list(_newest(facts, snapshot, "beat"))
    if beat_lease is not None and 0 < beat_lease.expires_at <= facts.now:
        evidence.append(Reason.of("process.beat_lease_ran_out", expires_at=beat_lease.expires_at))
    elif not evidence:
        evidence.append(Reason("process.no_beat_lease"))
    return Cause(
        "beat_gone",
        Reason("cause.beat_gone.title"),
        tuple(evidence),
        _start_remedies(facts, "beat"),
        weight=85,
    )


def _api_gone(facts: Facts, snapshot: Snapshot) -> Cause:
    serves_pictures = facts.settings.frame_extractor.api_serves_pictures
    title = "cause.api_gone.title_with_pictures" if serves_pictures else "cause.api_gone.title"
    return Cause(
        "api_gone",
        Reason(title),
        tuple(_newest(facts, snapshot, "api")),
        _start_remedies(facts, "api"),
        # With pictures in an object store, inference goes on for registered services.
        weight=80 if serves_pictures else 40,
    )


def _watchdog_gone(facts: Facts, snapshot: Snapshot) -> Cause:
    never = (Reason("process.no_watchdog_ever"),)
    return Cause(
        "watchdog_gone",
        Reason("cause.watchdog_gone.title"),
        tuple(tuple(_newest(facts, snapshot, "watchdog")) or never),
        _start_remedies(facts, "watchdog"),
        weight=10,
    )
