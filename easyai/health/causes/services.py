"""Causes at the algorithm services: died, not reached, not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from easyai.domain.service import ServiceState
from easyai.domain.words import Words
from easyai.health.causes.cause import Cause, Remedy, curl_command
from easyai.health.causes.heartbeats import unheard_services
from easyai.health.causes.inference import hangs
from easyai.health.causes.service_words import (
    answers,
    curl_all,
    ids,
    last_heartbeats,
    look_at_services,
    of_all,
    ports_command,
    verb,
    without_service,
)
from easyai.health.facts import Facts
from easyai.health.known import ServiceFacts, TypeFacts
from easyai.health.reasons import reason as said
from easyai.health.wording import frames, moment, names, services

_UNREACHABLE: Final = "cannot connect"
_TOGETHER_SEC: Final = 2.0  # a last answer and a last heartbeat this close came from one life


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong with services."""
    if facts.known is None:
        return
    silent = [one for one in facts.services if facts.is_silent(one)]
    unheard = [one for one in silent if facts.probe(one) == "" or facts.is_busy(one)]
    unreached = [one for one in facts.services if _is_unreached(facts, one)]
    # Their heartbeats are not overdue yet, but none has come since.
    quiet = [one for one in unreached if not _was_heard_since(one)]
    died = [one for one in silent if facts.probe(one) and one not in unheard] + quiet
    unreached = [one for one in unreached if one not in quiet]
    if died:
        yield _died(facts, died)
    if unheard:
        yield unheard_services(facts, unheard)
    if unreached:
        yield _unreached(facts, unreached)
    missing = [one for one in facts.types if _has_no_service(facts, one)]
    if missing:
        yield _missing(facts, missing)


def _is_unreached(facts: Facts, service: ServiceFacts) -> bool:
    """Heartbeats arrive, but nothing answers at its endpoint."""
    if facts.is_silent(service) or facts.is_busy(service) or hangs(facts, service):
        return False
    refused = facts.is_failing(service) and service.last_failure_reason.startswith(_UNREACHABLE)
    return bool(facts.probe(service)) or (refused and not facts.was_probed(service))


def _was_heard_since(service: ServiceFacts) -> bool:
    """Whether a heartbeat came after its calls began to fail."""
    if service.last_failure_at <= service.last_success_at:
        return True  # no call tells
    return service.last_heartbeat > service.last_success_at + _TOGETHER_SEC


def _has_no_service(facts: Facts, task_type: TypeFacts) -> bool:
    """Frames wait, and nothing registered could ever take them."""
    return bool(task_type.waiting) and not any(
        task_type.name in one.task_types for one in facts.services
    )


def _stops(facts: Facts, broken: Sequence[ServiceFacts]) -> bool:
    """Whether some type has no other service than these."""
    broken_pks = {one.pk for one in broken}
    for name in {name for one in broken for name in one.task_types}:
        own = [one for one in facts.services if name in one.task_types]
        if all(one.pk in broken_pks for one in own):
            return True
    return False


def _died(facts: Facts, died: Sequence[ServiceFacts]) -> Cause:
    who = of_all(facts, died)
    overdue = all(facts.is_silent(one) for one in died)
    beats = (
        Words("heartbeats stopped", "心跳中断")
        if overdue
        else Words("no heartbeat has come since their last answer", "最后一次应答之后没有心跳")
    )
    return Cause(
        "services_died",
        Words(
            f"{who.en} died: {beats.en} and nothing answers at "
            f"{verb(died, 'its address', 'their addresses')} ({ids(died)})",
            f"{who.zh}已停止运行：{beats.zh}，其地址也没有应答（{ids(died)}）",
        ),
        (last_heartbeats(facts, died), answers(facts, died), *without_service(facts)),
        (
            Remedy(
                Words(
                    "Look whether the processes run, on the machine of the services",
                    "在算法服务所在机器上查看进程是否在运行",
                ),
                ports_command(died),
            ),
            Remedy(
                Words(
                    "Start the services again. They need not register: the first heartbeat or "
                    "answered probe puts them back to work",
                    "重新启动算法服务。无需重新注册：收到第一次心跳或探测得到应答后即恢复工作",
                )
            ),
            Remedy(
                Words("Ask their addresses from here", "从本机访问它们的地址"),
                curl_all(died),
            ),
            look_at_services(facts),
        ),
        weight=72 if _stops(facts, died) else 36,
    )


def _unreached(facts: Facts, unreached: Sequence[ServiceFacts]) -> Cause:
    who = of_all(facts, unreached)
    return Cause(
        "endpoint_unreachable",
        Words(
            f"{who.en} {verb(unreached, 'sends', 'send')} heartbeats but nothing answers at "
            f"{verb(unreached, 'its endpoint', 'their endpoints')} ({ids(unreached)})",
            f"{who.zh}仍有心跳，但其地址无法访问（{ids(unreached)}）",
        ),
        (last_heartbeats(facts, unreached), answers(facts, unreached), *without_service(facts)),
        (
            Remedy(
                Words("Ask their addresses from here", "从本机访问它们的地址"),
                curl_all(unreached),
            ),
            Remedy(
                Words(
                    "If the service moved to another address or port, let it register the new one; "
                    "if a firewall lies between, open the way from here to it",
                    "若服务换了地址或端口，请以新地址重新注册；若中间有防火墙，请放通本机到它的访问",
                )
            ),
            look_at_services(facts),
        ),
        weight=70 if _stops(facts, unreached) else 35,
    )


def _missing(facts: Facts, missing: Sequence[TypeFacts]) -> Cause:
    evidence = []
    for task_type in missing:
        number = frames(task_type.waiting)
        evidence.append(
            Words(
                f"no algorithm for task type: {task_type.name}, {number.en} waiting since "
                f"{moment(task_type.oldest_wait_at)}",
                f"任务类型 {task_type.name} 没有算法服务，{number.zh}自 "
                f"{moment(task_type.oldest_wait_at)} 起等待",
            )
        )
    evidence += _taken_out(facts, missing)
    shown = names(one.name for one in missing)
    return Cause(
        "no_service",
        Words(
            f"No service is registered for {shown}; their frames wait",
            f"没有为 {shown} 注册的算法服务；相应的图片在等待",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "Start the services of these types so that they register. Frames that wait are "
                    "inferred as soon as one does",
                    "启动这些类型的算法服务使其注册。有服务注册后，等待的图片立即开始推理",
                ),
                _list_command(facts),
            ),
            look_at_services(facts),
        ),
        weight=71,
    )


def _taken_out(facts: Facts, missing: Sequence[TypeFacts]) -> Iterator[Words]:
    known = facts.known.services if facts.known else ()
    types = {one.name for one in missing}
    out = [
        one
        for one in known
        if one.state == ServiceState.UNREGISTERED and types & set(one.task_types)
    ]
    if not out:
        yield Words("None has ever registered for them", "从未有服务为其注册")
        return
    by_reason: dict[str, list[ServiceFacts]] = {}
    for one in out:
        by_reason.setdefault(one.state_reason, []).append(one)
    for reason, some in by_reason.items():
        number = services(len(some))
        when = moment(max(one.state_since for one in some))
        yield Words(
            f"{number.en} unregistered at {when}, {reason}: {ids(some)}. Heartbeats do not bring "
            "such a service back, only a registration does",
            f"{number.zh}于 {when} 注销（{said(reason).zh}）：{ids(some)}。"
            "心跳不能使其恢复，必须重新注册",
        )


def _list_command(facts: Facts) -> str:
    base = facts.settings.easyai.effective_public_url
    return curl_command(f"{base}/api/v1/ai_analysis/services?state=all")
