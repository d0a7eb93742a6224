"""Causes in our own processes: no worker, beat, API or watchdog, or a worker that hangs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.memory import killed_for_memory
from easyai.diagnosis.causes.restarts import hung_and_ended, log_command, restarts
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.liveliness import api_gone, beat_late, scan_late
from easyai.health.process_facts import ProcessFacts
from easyai.health.snapshot import Known
from easyai.messages.wording import moment, span
from easyai.settings.commands import celery_command, easyai_command
from easyai.supervisor import running as supervisor

_TOGETHER_SEC: Final = 6.0  # those that end together showed themselves last this close together
_KINDS: Final = ("worker", "beat", "api", "watchdog")
_PROCESSES: Final = "ps aux | grep -E '[c]elery|[e]asyai'"


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong with workers, beats, APIs and watchdogs."""
    known = facts.known
    if known is None:
        return
    if facts.failed("database"):
        yield from _gone_for_sure(facts, known)
        return
    workers = list(_workers(facts, known))
    if [one.code for one in workers] == ["worker_gone"] and _nothing_works(facts, known):
        yield _nothing_runs(facts, known)
        return
    yield from workers
    if not facts.failed("broker") and beat_late(facts, known):
        yield _beat_gone(facts, known)
    if api_gone(facts, known):
        yield _api_gone(facts, known)
    if not known.working("watchdog", facts.now):
        yield _watchdog_gone(facts, known)


def _nothing_works(facts: Facts, known: Known) -> bool:
    """Whether no process of ours works and no `easyai up` starts them again."""
    works = any(known.working(kind, facts.now) for kind in _KINDS)
    return not works and _supervisor(facts) is None


def _supervisor(facts: Facts) -> int | None:
    return supervisor.running(facts.settings.easyai.data_dir)


def _workers(facts: Facts, known: Known) -> Iterator[Cause]:
    working = known.working("worker", facts.now)
    hung = [one for one in known.silent("worker", facts.now) if one.exists]
    again = list(restarts(facts, known))
    killed = list(killed_for_memory(facts, known))
    if killed:
        yield from killed
        again = [one for one in again if one.code != "worker_restarts"]
    elif hung and not working:
        yield _worker_hung(facts, hung)
    elif ended := hung_and_ended(facts, known):
        yield ended
    elif not working and not any(one.code == "worker_restarts" for one in again):
        yield _worker_gone(facts, known)
    elif working and (late := scan_late(facts, known)):
        yield _scan_stuck(facts, working, late)
    yield from again


def _gone_for_sure(facts: Facts, known: Known) -> Iterator[Cause]:
    """Workers whose process is not there; that they wrote nothing is the database's fault."""
    every = [one for one in known.processes if one.kind == "worker"]
    newest_at = max((one.beat_at for one in every), default=0.0)
    # Those of before a restart of the machine are nobody's who could be running now.
    workers = [one for one in every if newest_at - one.beat_at <= _TOGETHER_SEC]
    if workers and all(one.exists is False for one in workers):
        yield _worker_gone(facts, known)


def _shown(facts: Facts, some: Sequence[ProcessFacts]) -> Iterator[Words]:
    for one in sorted(some, key=lambda one: -one.beat_at)[:3]:
        age = span(facts.now - one.beat_at)
        there = {
            True: Words("; the process is still there", "；进程仍然存在"),
            False: Words("; the process is gone", "；进程已不存在"),
            None: Words("", ""),
        }[one.exists]
        yield Words(
            f"{one.name} showed itself last at {moment(one.beat_at)}, {age.en} ago{there.en}",
            f"{one.name} 最后一次报告在 {moment(one.beat_at)}，{age.zh}前{there.zh}",
        )


def _newest(facts: Facts, known: Known, kind: str) -> Iterator[Words]:
    """The last that was seen of a kind of process: rows that fell silent, or an orderly end.

    Rows of processes that others replaced long before are left out.
    """
    silent = known.silent(kind, facts.now)
    stopped_at = known.stopped.get(kind, 0.0)
    newest_at = max((one.beat_at for one in silent), default=0.0)
    if stopped_at > newest_at:
        age = span(facts.now - stopped_at)
        yield Words(
            f"The last one stopped in order at {moment(stopped_at)}, {age.en} ago",
            f"最后一个已于 {moment(stopped_at)} 正常停止（{age.zh}前）",
        )
        return
    yield from _shown(facts, [one for one in silent if newest_at - one.beat_at <= _TOGETHER_SEC])


def _start_remedies(facts: Facts, part: str) -> tuple[Remedy, ...]:
    pid = _supervisor(facts)
    if pid is not None:
        again = Words(
            f"`up` (process {pid}) runs and starts it again within seconds. If it does not, "
            "look at its log",
            f"`up`（进程 {pid}）正在运行，会在数秒内重新启动它。若没有，请查看其日志",
        )
        return (Remedy(again, log_command(facts, part)),)
    everything = easyai_command(facts.settings, "up")
    command = celery_command if part in ("worker", "beat") else easyai_command
    by_hand = command(facts.settings, part)
    return (
        Remedy(Words("See what runs here", "查看本机运行的进程"), _PROCESSES),
        Remedy(
            Words(
                f"Start it again the way it was started: `{everything}` for everything on one "
                f"machine, or systemd, or by hand `{by_hand}`",
                f"按原来的方式重新启动：单机用 `{everything}`，或用 systemd，"
                f"或手动运行 `{by_hand}`",
            )
        ),
    )


def _nothing_runs(facts: Facts, known: Known) -> Cause:
    """All of it is one trouble, with one remedy."""
    never = (Words("Nothing of it has shown itself", "从未有任何进程运行的记录"),)
    return Cause(
        "worker_gone",
        Words(
            "easyai does not run: nothing is scanned or inferred, and nobody is alerted",
            "easyai 没有运行：不扫描、不推理，也不会通知任何人",
        ),
        tuple(_last_seen(facts, known)) or never,
        (
            Remedy(
                Words(
                    "Start it the way it was started: with this command, or with systemd",
                    "按原来的方式启动：用此命令，或用 systemd",
                ),
                easyai_command(facts.settings, "up"),
            ),
            Remedy(Words("See what runs here", "查看本机运行的进程"), _PROCESSES),
        ),
        weight=90,
    )


def _last_seen(facts: Facts, known: Known) -> Iterator[Words]:
    """Of each kind of process the last that was seen."""
    for kind in _KINDS:
        for words in list(_newest(facts, known, kind))[:1]:
            yield Words(f"{kind}: {words.en}", f"{kind}：{words.zh}")


def _worker_gone(facts: Facts, known: Known) -> Cause:
    never = (Words("No worker has shown itself", "从未有 worker 运行的记录"),)
    return Cause(
        "worker_gone",
        Words(
            "No worker runs: nothing is scanned and nothing inferred",
            "没有 worker 在运行：不扫描也不推理",
        ),
        tuple(_newest(facts, known, "worker")) or never,
        _start_remedies(facts, "worker"),
        weight=90,
    )


def _worker_hung(facts: Facts, hung: Sequence[ProcessFacts]) -> Cause:
    pids = " ".join(str(one.pid) for one in hung[:3])
    return Cause(
        "worker_hung",
        Words(
            "The worker hangs: it runs but its loops do not turn", "worker 卡住：进程存在但不工作"
        ),
        tuple(_shown(facts, hung)),
        (
            Remedy(
                Words("Look what it waits for", "查看它在等待什么"),
                f"ps -o pid,stat,wchan:30,etime,cmd -p {pids}",
            ),
            Remedy(
                Words(
                    "Kill it; its supervisor starts it again, and its frames return by themselves",
                    "终止它；管理它的进程会重新启动，它手上的图片会自动回到队列",
                ),
                f"kill -9 {pids}",
            ),
        ),
        weight=89,
    )


def _scan_stuck(facts: Facts, working: Sequence[ProcessFacts], late: float) -> Cause:
    age = span(late)
    return Cause(
        "worker_hung",
        Words(
            f"Workers run, but no scan has ended for {age.en}: they take no work or hang in it",
            f"worker 在运行，但已 {age.zh}没有完成扫描：没有取到任务，或卡在任务中",
        ),
        tuple(_shown(facts, working)),
        (
            Remedy(Words("See what runs here", "查看本机运行的进程"), _PROCESSES),
            Remedy(
                Words(
                    "See what the workers do; then restart them", "查看 worker 的状态，然后重新启动"
                ),
                celery_command(facts.settings, "inspect", "active"),
            ),
        ),
        weight=86,
    )


def _beat_gone(facts: Facts, known: Known) -> Cause:
    duty = known.duties.get("beat")
    evidence = list(_newest(facts, known, "beat"))
    if duty is not None and 0 < duty.expires_at <= facts.now:
        when = moment(duty.expires_at)
        evidence.append(
            Words(
                f"Its lease ran out at {when} and no other took over",
                f"其租约在 {when} 到期，没有其他进程接管",
            )
        )
    elif not evidence:
        evidence.append(Words("No beat holds the lease", "没有 beat 持有租约"))
    return Cause(
        "beat_gone",
        Words(
            "No beat runs: scans and sweeps are not started",
            "没有 beat 在运行：扫描和巡检不会启动",
        ),
        tuple(evidence),
        _start_remedies(facts, "beat"),
        weight=85,
    )


def _api_gone(facts: Facts, known: Known) -> Cause:
    local = facts.settings.frame_extractor.store == "local"
    lost = (
        Words(
            "algorithms cannot fetch pictures, register or send heartbeats",
            "算法服务无法获取图片、注册或发送心跳",
        )
        if local
        else Words("algorithms cannot register or send heartbeats", "算法服务无法注册或发送心跳")
    )
    return Cause(
        "api_gone",
        Words(f"No API runs: {lost.en}", f"没有 API 在运行：{lost.zh}"),
        tuple(_newest(facts, known, "api")),
        _start_remedies(facts, "api"),
        # With pictures in an object store inference goes on for those that are registered.
        weight=80 if local else 40,
    )


def _watchdog_gone(facts: Facts, known: Known) -> Cause:
    never = (Words("No watchdog has shown itself", "从未有 watchdog 运行的记录"),)
    return Cause(
        "watchdog_gone",
        Words(
            "No watchdog runs: nobody is told when inference stops",
            "没有 watchdog 在运行：推理停止时不会通知任何人",
        ),
        tuple(_newest(facts, known, "watchdog")) or never,
        _start_remedies(facts, "watchdog"),
        weight=10,
    )
