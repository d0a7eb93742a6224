"""Causes at the algorithm services: died, not reached, not there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.heartbeat_pace import short_timeout
from easyai.diagnosis.causes.heartbeats import unheard_services
from easyai.diagnosis.causes.inference import hangs
from easyai.diagnosis.causes.life import is_refused, lives_unheard
from easyai.diagnosis.causes.moved import moved_services
from easyai.diagnosis.causes.named_here import named_this_server, register_own_address
from easyai.diagnosis.causes.no_service import missing_services, no_services
from easyai.diagnosis.causes.service_words import (
    answers,
    concerned,
    curl_all,
    ids,
    last_heartbeats,
    look_at_services,
    of_all,
    ports_command,
    start_again,
    verb,
    without_service,
)
from easyai.domain.service import ROUTABLE
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.bridge import words as as_words

_TOGETHER_SEC: Final = 2.0  # a last answer and a last heartbeat this close came from one life


def find(facts: Facts) -> Iterator[Cause]:
    """What is wrong with services."""
    if facts.known is None:
        return
    gone = {one.pk: one for one in facts.services if _is_gone(facts, one)}
    answered = sorted(one.last_success_at for one in gone.values())
    heard = {one.pk for one in gone.values() if _is_heard_since(facts, one, answered)}
    unreached = [one for one in gone.values() if one.pk in heard]
    died = [one for one in gone.values() if one.pk not in heard]
    rare = [one for one in facts.services if one.pk not in gone and facts.pace_sec(one)]
    late = [one for one in facts.services if one.pk not in gone and lives_unheard(facts, one)]
    unheard = [one for one in late if one not in rare]
    # Judged together: each alone may leave others of its type, that do not work either.
    stopped = _stopped(facts, gone)
    more_died = len(died) >= len(unreached)
    if died:
        yield _died(facts, died, stopped, 72 if more_died else 70)
    if unheard:
        yield unheard_services(facts, unheard)
    if rare:
        yield short_timeout(facts, rare)
    if unreached:
        yield _unreached(facts, unreached, stopped, 70 if more_died else 72)
    if facts.moved:
        yield moved_services(facts)
    missing = [one for one in facts.types if _has_no_service(facts, one)]
    if missing:
        yield missing_services(facts, missing)
    elif not facts.services and (facts.known.services or facts.types):
        yield no_services(facts)


def _is_gone(facts: Facts, service: ServiceFacts) -> bool:
    """Whether nothing answers at its endpoint, by a probe or, before any, by its last call."""
    if facts.is_busy(service) or (not facts.is_silent(service) and hangs(facts, service)):
        return False
    return bool(facts.probe(service)) or is_refused(facts, service)


def _is_heard_since(facts: Facts, service: ServiceFacts, answered: Sequence[float]) -> bool:
    """Whether heartbeats arrive, and one came after calls began to fail.

    `answered`: when each of those that are gone answered last, in order.
    """
    if facts.is_silent(service):
        return False
    if service.last_failure_at <= service.last_success_at:
        return True  # no call tells
    # Of those that fell together one answered last, another had its heartbeat last.
    until = service.last_success_at + service.heartbeat_timeout_sec
    fell_at = answered[bisect_right(answered, until) - 1]
    return service.last_heartbeat > fell_at + _TOGETHER_SEC


def _has_no_service(facts: Facts, task_type: TypeFacts) -> bool:
    """Frames wait, and nothing registered could ever take them."""
    return bool(task_type.waiting) and not any(
        task_type.name in one.task_types for one in facts.services
    )


def _stopped(facts: Facts, gone: Mapping[int, ServiceFacts]) -> set[str]:
    """The task types of these services of which no other takes work either."""
    at_work = {
        name
        for one in facts.services
        if one.pk not in gone and _takes_work(facts, one)
        for name in one.task_types
    }
    return {name for one in gone.values() for name in one.task_types} - at_work


def _takes_work(facts: Facts, service: ServiceFacts) -> bool:
    if service.state not in ROUTABLE or hangs(facts, service):
        return False
    return service.breaker == "closed" or not facts.is_failing(service)


def _died(facts: Facts, died: Sequence[ServiceFacts], stopped: set[str], weight: int) -> Cause:
    who, types = as_words(of_all(facts, died)), concerned(died, stopped)
    overdue = all(facts.is_silent(one) for one in died)
    beats = (
        Words("heartbeats stopped", "心跳中断")
        if overdue
        else Words("no heartbeat has come since the last answer", "最后一次应答之后没有心跳")
    )
    if all(facts.answers_nothing(one) for one in died):
        # Something holds the port: a process that is suspended, or hangs with its heartbeats.
        words = Words(
            f"{who.en} {verb(died, 'hangs', 'hang')} or {verb(died, 'is', 'are')} suspended: "
            f"{beats.en}, and {verb(died, 'its address takes', 'their addresses take')} "
            f"connections but never {verb(died, 'answers', 'answer')} ({ids(died)})",
            f"{who.zh}卡住或被挂起：{beats.zh}，其地址接受连接但从不应答（{ids(died)}）",
        )
    else:
        words = Words(
            f"{who.en} died: {beats.en} and nothing answers at "
            f"{verb(died, 'its address', 'their addresses')} ({ids(died)})",
            f"{who.zh}已停止运行：{beats.zh}，其地址也没有应答（{ids(died)}）",
        )
    return Cause(
        "services_died",
        words,
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
                    "Start the services again (a suspended one: kill -CONT, or kill -9 first). "
                    "They need not register: the first heartbeat or answered probe puts them back "
                    "to work",
                    "重新启动算法服务（被挂起的：kill -CONT，或先 kill -9）。"
                    "无需重新注册：收到第一次心跳或探测得到应答后即恢复工作",
                )
            ),
            Remedy(
                Words("Ask their addresses from here", "从本机访问它们的地址"),
                curl_all(died),
            ),
            look_at_services(facts),
        ),
        weight=weight if stopped.issuperset(types) else 36,
        task_types=types,
    )


def _unreached(
    facts: Facts, unreached: Sequence[ServiceFacts], stopped: set[str], weight: int
) -> Cause:
    who, types = as_words(of_all(facts, unreached)), concerned(unreached, stopped)
    return Cause(
        "endpoint_unreachable",
        Words(
            f"{who.en} {verb(unreached, 'sends', 'send')} heartbeats but nothing answers at "
            f"{verb(unreached, 'its endpoint', 'their endpoints')} ({ids(unreached)})",
            f"{who.zh}仍有心跳，但其地址无法访问（{ids(unreached)}）",
        ),
        (
            last_heartbeats(facts, unreached),
            answers(facts, unreached),
            *named_this_server(unreached),
            *without_service(facts),
        ),
        (
            *register_own_address(unreached),
            start_again(unreached),
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
        weight=weight if stopped.issuperset(types) else 35,
        task_types=types,
    )
