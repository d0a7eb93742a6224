"""Causes where nothing is registered that could take work, by whose request."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.approvals import approve_waiting, waits_for_approval
from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.misspelt_folders import discard_misspelt, misspelt_folders
from easyai.diagnosis.causes.service_words import MOST_TYPES, further_types, ids, look_at_services
from easyai.domain.service import ServiceState
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.reasons import reason as said
from easyai.messages.wording import frames, moment, names, services
from easyai.settings.commands import curl_command

_MOST_CALLS: Final = 3


def missing_services(facts: Facts, missing: Sequence[TypeFacts]) -> Cause:
    """Frames of these types wait, and nothing registered could ever take them."""
    shown = names(one.name for one in missing)
    return Cause(
        "no_service",
        Words(
            f"No service is registered for {shown}; their frames wait",
            f"没有为 {shown} 注册的算法服务；相应的图片在等待",
        ),
        tuple(_missing_evidence(facts, missing)),
        tuple(_missing_remedies(facts, [one.name for one in missing])),
        weight=71,
        task_types=tuple(one.name for one in missing),
    )


def _missing_evidence(facts: Facts, missing: Sequence[TypeFacts]) -> Iterator[Words]:
    worst = sorted(missing, key=lambda one: -one.waiting)
    for task_type in worst[:MOST_TYPES]:
        number = frames(task_type.waiting)
        yield Words(
            f"no algorithm for task type: {task_type.name}, {number.en} waiting since "
            f"{moment(task_type.oldest_wait_at)}",
            f"任务类型 {task_type.name} 没有算法服务，{number.zh}自 "
            f"{moment(task_type.oldest_wait_at)} 起等待",
        )
    yield from further_types(worst[MOST_TYPES:])
    types = [one.name for one in missing]
    yield from waits_for_approval(facts, set(types))
    yield from misspelt_folders(facts, types)
    yield from taken_out(facts, set(types))


def _missing_remedies(facts: Facts, types: Sequence[str]) -> Iterator[Remedy]:
    correct = tuple(discard_misspelt(facts, types))
    all_misspelt = len(correct) == len(types)
    yield from approve_waiting(facts, set(types))
    # The short report shows the first: no service will ever register for a slip of the pen.
    yield from correct if all_misspelt else ()
    yield from _remedies(facts, set(types))
    yield from () if all_misspelt else correct


def no_services(facts: Facts) -> Cause:
    """None is registered at all, though nothing waits: the next frame will wait in vain."""
    return Cause(
        "no_service",
        Words(
            "No service is registered any more: frames that arrive will wait",
            "没有任何已注册的算法服务：新到的图片将会等待",
        )
        if facts.known and facts.known.services
        else Words(
            "No service is registered: frames that arrive will wait",
            "没有任何已注册的算法服务：新到的图片将会等待",
        ),
        tuple(taken_out(facts)),
        _remedies(facts),
        weight=71,
    )


def _out(facts: Facts, types: Collection[str] | None) -> list[ServiceFacts]:
    known = facts.known.services if facts.known else ()
    return [
        one
        for one in known
        if one.state == ServiceState.UNREGISTERED
        and (types is None or not set(one.task_types).isdisjoint(types))
    ]


def taken_out(facts: Facts, types: Collection[str] | None = None) -> Iterator[Words]:
    """Which request took out the services of these types (None: of any), and when."""
    out = _out(facts, types)
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


def _remedies(facts: Facts, types: Collection[str] | None = None) -> tuple[Remedy, ...]:
    base = facts.settings.easyai.effective_public_url
    newest = sorted(_out(facts, types), key=lambda one: -one.state_since)
    return (
        Remedy(
            Words(
                "Start the services of these types so that they register. Frames that wait are "
                "inferred as soon as one does",
                "启动这些类型的算法服务使其注册。有服务注册后，等待的图片立即开始推理",
            ),
            curl_command(f"{base}/api/v1/ai_analysis/services?state=all"),
        ),
        *(_register_again(base, one) for one in newest[:_MOST_CALLS]),
        look_at_services(facts),
    )


def _register_again(base: str, service: ServiceFacts) -> Remedy:
    body = {
        "service_id": service.service_id,
        "endpoint": service.endpoint,
        "task_types": service.task_types,
        **service.registered,
    }
    told = json.dumps(body, ensure_ascii=False)
    return Remedy(
        Words(
            f"If {service.service_id} at {service.endpoint} runs, this registers it again",
            f"若 {service.service_id}（{service.endpoint}）仍在运行，用此命令重新注册",
        ),
        curl_command(
            f"{base}/api/v1/ai_analysis/register",
            *("-X", "POST", "-H", "Content-Type: application/json", "-d", told),
        ),
    )
