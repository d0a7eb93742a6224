"""What alarms of algorithm services say: none takes work, some are offline, some are not heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.alarms.texts import joined, waits
from easyai.diagnosis.causes.misspelt_folders import did_you_mean
from easyai.diagnosis.causes.service_words import unregister_command
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.liveliness import api_gone
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.bridge import words
from easyai.messages.reasons import reason
from easyai.messages.wording import frames, names, span
from easyai.settings.commands import easyai_command, report_command


def no_algorithm(facts: Facts, one: TypeFacts) -> Words:
    """Frames of a type wait, and no service may be given them."""
    waiting = frames(one.waiting)
    services = easyai_command(facts.settings, "services", "--all")
    meant = did_you_mean(facts, one.name)
    command = words(report_command(facts.settings)) if meant else Words(services, services)
    ask, zh = (f" {meant.en[0].upper()}{meant.en[1:]}.", f"{meant.zh}。") if meant else ("", "")
    return Words(
        f"no algorithm for task type: {one.name}; {waiting.en} {waits(one.waiting)} until "
        f"a service of this type registers or answers again.{ask} See `{command.en}`",
        f"任务类型没有可用的算法服务：{one.name}；{waiting.zh}在等待，直到有服务注册或恢复。{zh}"
        f"请运行 `{command.zh}`",
    )


def no_algorithm_of_many(facts: Facts, subjects: Sequence[str]) -> Words:
    """Frames of many types wait, and no service may be given them."""
    held = [one for one in facts.types if one.name in subjects]
    number, waiting = len(subjects), frames(sum(one.waiting for one in held))
    which, command = names(subjects), easyai_command(facts.settings, "services", "--all")
    return Words(
        f"no algorithm for task type: {which} ({number} types); {waiting.en} waiting until "
        f"services of these types register or answer again. See `{command}`",
        f"任务类型没有可用的算法服务：{which}（{number} 个类型）；{waiting.zh}在等待，"
        f"直到有服务注册或恢复。请运行 `{command}`",
    )


def no_algorithm_at_all(facts: Facts, taken_out: Sequence[Words]) -> Words:
    """No service of any type may be given frames; `taken_out`: by whose request, if by one."""
    known = len(facts.services)
    run = words(report_command(facts.settings))
    state = (
        Words(f"{known} registered, none answers", f"已注册 {known} 个，均无应答")
        if known
        else Words("none is registered", "没有注册任何服务")
    )
    waiting = frames(facts.waiting)
    held = (
        Words(f"{waiting.en} {waits(facts.waiting)}", f"{waiting.zh}在等待")
        if facts.waiting
        else Words("no frame waits", "目前没有图片在等待")
    )
    what = Words(
        f"no algorithm service at all: {state.en}; {held.en}. Frames are kept",
        f"没有任何可用的算法服务：{state.zh}；{held.zh}。图片不会丢失",
    )
    why = () if known else taken_out
    return joined(what, *why, Words(f"Run `{run.en}`", f"请运行 `{run.zh}`"))


def service_offline(facts: Facts, one: ServiceFacts) -> Words:
    """A service answers neither heartbeats nor probes."""
    silent = span(abs(facts.now - one.last_evidence))
    types = names(one.task_types)
    command = unregister_command(facts, one)
    return Words(
        f"algorithm service offline: {one.service_id} at {one.endpoint} ({types}), silent for "
        f"{silent.en}, {one.state_reason}. It is probed, and back by itself once it answers. "
        f"If it is gone for good: `{command}`",
        f"算法服务离线：{one.service_id}（{one.endpoint}，{types}），已失联 {silent.zh}，"
        f"{reason(one.state_reason).zh}。系统会持续探测，应答后自动恢复。若不再使用：`{command}`",
    )


def heartbeats_missing(facts: Facts, unheard: Sequence[ServiceFacts], living: int) -> Words:
    """Some or all of the services that live are not heard; `living` counts those, too."""
    silent = span(facts.now - max(one.last_heartbeat for one in unheard))
    who, number = names(one.service_id for one in unheard), len(unheard)
    run = words(report_command(facts.settings))
    gone = facts.known is not None and api_gone(facts, facts.known)
    points = _NO_API if gone else _points(number, living)
    were = "was" if number == 1 else "were"
    return Words(
        f"no heartbeats arrive: {number} of {living} algorithm services that live {were} not heard "
        f"for {silent.en} ({who}). Inference goes on while they answer. {points.en}. "
        f"Run `{run.en}`",
        f"收不到心跳：{living} 个仍在运行的算法服务中有 {number} 个已 {silent.zh}没有心跳"
        f"（{who}）。只要服务有应答，推理会继续。{points.zh}。请运行 `{run.zh}`",
    )


_NO_API: Final = Words(
    "No API of easyai runs that could hear them", "没有可接收心跳的 easyai API 在运行"
)


def _points(number: int, living: int) -> Words:
    """Where to look, by how many of how many are not heard."""
    if number == living > 1:
        return Words(
            "All at once points at this server or the network, not at them",
            "全部同时失去心跳，问题在本服务器或网络，而不在服务本身",
        )
    if 2 * number > living > 1:
        return Words(
            "That most are silent points at this server, its firewall or the network, not at them",
            "大部分失去心跳，问题在本服务器、防火墙或网络，而不在服务本身",
        )
    return Words(
        "See whether the way from their machine to this server is open; if it is, restart their "
        "heartbeat loop",
        "请检查其所在机器到本服务器的通路；若通路正常，请重启其心跳线程",
    )
