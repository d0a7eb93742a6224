"""Services live but their heartbeats do not arrive: the fault is between them and us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import (
    answers,
    concerned,
    heartbeat_command,
    ids,
    is_here,
    last_heartbeats,
    look_at_services,
    of_all,
    verb,
)
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts
from easyai.messages.bridge import words
from easyai.messages.reasons import reason
from easyai.messages.wording import moment


def unheard_services(facts: Facts, unheard: Sequence[ServiceFacts]) -> Cause:
    """The cause; when all fell silent together it looks for the fault at this server."""
    who = words(of_all(facts, unheard))
    together = len(unheard) == len(facts.services)
    stops = together and bool(facts.stalled)
    evidence = [last_heartbeats(facts, unheard), answers(facts, unheard)]
    if together or _only_here_is_heard(facts, unheard):
        evidence += _points_at_us(facts, unheard)
    return Cause(
        "heartbeats_not_arriving",
        Words(
            f"{who.en} {verb(unheard, 'lives but its', 'live but their')} heartbeats do not arrive "
            f"here ({ids(unheard)})",
            f"{who.zh}仍在运行，但心跳没有到达本服务器（{ids(unheard)}）",
        ),
        tuple(evidence),
        (
            Remedy(
                Words(
                    "On a machine of the services: send one heartbeat by hand. If it is refused or "
                    "times out, the way to this server is the fault (address, port, firewall)",
                    "在算法服务所在机器上手动发送一次心跳。若被拒绝或超时，"
                    "则是到本服务器的通路有问题（地址、端口、防火墙）",
                ),
                heartbeat_command(facts, unheard[0]),
            ),
            Remedy(
                Words(
                    "Here: see where this server listens. 127.0.0.1 is reached from this machine "
                    "only; [easyai] host = '0.0.0.0' opens it to others",
                    "在本机：查看监听地址。127.0.0.1 只能从本机访问；"
                    "设置 [easyai] host = '0.0.0.0' 后其他机器才能访问",
                ),
                f"ss -ltn '( sport = :{facts.settings.easyai.port} )'",
            ),
            Remedy(
                Words(
                    "If the way is open, the services have stopped to send: restart their "
                    "heartbeat loop. Inference goes on meanwhile, for they answer probes",
                    "若通路正常，则是服务停止了发送：重启其心跳线程。"
                    "由于探测有应答，推理在此期间继续",
                )
            ),
            look_at_services(facts),
        ),
        weight=66 if stops else 34 if together else 30,
        task_types=concerned(unheard, ()),
    )


def _only_here_is_heard(facts: Facts, unheard: Sequence[ServiceFacts]) -> bool:
    """Whether heartbeats come from this machine and from no other: so a firewall looks."""
    pks = {one.pk for one in unheard}
    others = [one for one in facts.services if one.pk not in pks]
    return all(is_here(one.endpoint) for one in others) and not any(
        is_here(one.endpoint) for one in unheard
    )


def _points_at_us(facts: Facts, unheard: Sequence[ServiceFacts]) -> Iterator[Words]:
    newest = max(one.last_heartbeat for one in unheard)
    spread = newest - min(one.last_heartbeat for one in unheard)
    if len(unheard) < len(facts.services):
        yield Words(
            "Only services on this machine are heard: that points at a firewall, or at the address "
            "on which this server listens",
            "只收到本机上服务的心跳：请检查防火墙，以及本服务器的监听地址",
        )
    elif len(unheard) > 1 and spread <= unheard[0].heartbeat_timeout_sec:
        yield Words(
            "All fell silent together: that points at this server or the network, not at them",
            "全部服务同时失去心跳：问题在本服务器或网络，而不在服务本身",
        )
    yield from _own_api(facts)
    host = facts.settings.easyai.host
    if host.startswith("127.") or host in ("localhost", "::1"):
        far = [one for one in unheard if not is_here(one.endpoint)]
        if far:
            yield Words(
                f"This server listens on {host} only, which {ids(far)} on other machines cannot "
                "reach",
                f"本服务器只监听 {host}，其他机器上的 {ids(far)} 无法访问",
            )


def _own_api(facts: Facts) -> Iterator[Words]:
    url = facts.settings.easyai.effective_public_url
    if facts.own_api:
        yield Words(
            f"Our own API does not answer at {url}: {facts.own_api}",
            f"本服务器的 API 在 {url} 没有应答：{reason(facts.own_api).zh}",
        )
    elif facts.own_api == "":
        yield Words(
            f"Our own API answers at {url} from this machine",
            f"从本机访问 {url}，本服务器的 API 有应答",
        )
    if facts.known is None:
        return
    started = [one.started_at for one in facts.known.working("api", facts.now)]
    if started:
        yield Words(
            f"The API runs since {moment(min(started))}", f"API 自 {moment(min(started))} 运行"
        )
    elif facts.known.processes:
        yield Words("No API process shows itself", "没有 API 进程在运行")
    if facts.known.clock_jump_at:
        when = moment(facts.known.clock_jump_at)
        yield Words(f"The clock of this machine jumped at {when}", f"本机时钟在 {when} 发生跳变")
