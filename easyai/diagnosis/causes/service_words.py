"""What causes at the services share: who, their heartbeats, their answers, how to ask them."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE, probe_url
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.messages.catalogue import text
from easyai.messages.reasons import reason
from easyai.messages.wording import counted, frames, moment, names, span
from easyai.settings.commands import curl_command, easyai_command, shell_words
from easyai.settings.schema import Easyai

_MOST_URLS: Final = 24
#: Task types of one cause that are named one by one.
MOST_TYPES: Final = 5


def of_all(facts: Facts, some: Sequence[ServiceFacts]) -> Reason:
    """Some services, as the subject of a sentence."""
    number, total = len(some), len(facts.services)
    if number < total:
        return Reason.of("services.some_of", number=number, total=total)
    return Reason.of("services.all", total=total) if total > 1 else Reason("services.the_only")


def verb(some: Sequence[ServiceFacts], one: str, many: str) -> str:
    """The form of a verb after `of_all`."""
    return one if len(some) == 1 else many


def concerned(some: Sequence[ServiceFacts], stopped: Collection[str]) -> tuple[str, ...]:
    """The task types for which services are a cause: of theirs those stopped; if none, theirs."""
    own = {name for one in some for name in one.task_types}
    return tuple(sorted(own.intersection(stopped) or own))


def ids(some: Sequence[ServiceFacts]) -> str:
    return names(one.service_id for one in some)


def last_heartbeats(facts: Facts, some: Sequence[ServiceFacts]) -> Words:
    first, last = (pick(one.last_heartbeat for one in some) for pick in (min, max))
    age = span(facts.now - last)
    when = moment(first) if last - first < 1 else f"{moment(first)} … {moment(last)}"
    return Words(
        f"Last heartbeats: {when}, the newest {age.en} ago; one is due at least every "
        f"{some[0].heartbeat_timeout_sec:g} s (heartbeat_timeout_sec)",
        f"最后一次心跳：{when}，最近一次在 {age.zh}前；至少每 "
        f"{some[0].heartbeat_timeout_sec:g} 秒应有一次（heartbeat_timeout_sec）",
    )


def answers(facts: Facts, some: Sequence[ServiceFacts]) -> Words:
    by_answer: dict[str, list[str]] = {}
    for one in some:
        answer = facts.probe(one) or ""
        if not answer and not facts.was_probed(one) and facts.is_failing(one):
            answer = text(one.last_failure_reason)
        by_answer.setdefault(answer, []).append(one.service_id)
    told = [
        Words(
            f"{names(ids)}: {answer or 'answers'}", f"{names(ids)}：{reason(answer).zh or '有应答'}"
        )
        for answer, ids in sorted(by_answer.items())
    ]
    who = _probe_words(facts)
    en, zh = "; ".join(one.en for one in told), "；".join(one.zh for one in told)
    return Words(f"{who.en}: {en}", f"{who.zh}：{zh}")


def _probe_words(facts: Facts) -> Words:
    if facts.probes is not None:
        return Words("Probed now", "现在探测")
    return Words("By the sweep's probes and other evidence", "根据巡检的探测和其他迹象")


def without_service(facts: Facts) -> Iterator[Words]:
    found = [one for one in facts.types if one.waiting and _is_away(facts, one)]
    worst = sorted(found, key=lambda one: -one.waiting)
    for task_type in worst[:MOST_TYPES]:
        number = frames(task_type.waiting)
        yield Words(
            f"no algorithm for task type: {task_type.name} has no service that can take work, "
            f"{number.en} waiting",
            f"任务类型 {task_type.name} 没有可用的算法服务，{number.zh}在等待",
        )
    yield from further_types(worst[MOST_TYPES:])


def _is_away(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether services of a type are registered and none of them takes work."""
    own = [one for one in facts.services if task_type.name in one.task_types]
    return bool(own) and not any(one.state in ROUTABLE for one in own)


def further_types(some: Sequence[TypeFacts]) -> Iterator[Words]:
    """How many more types are alike, where there are too many to name."""
    if not some:
        return
    number = counted(len(some), "further task type", "further task types", "个任务类型")
    waiting = frames(sum(one.waiting for one in some))
    yield Words(
        f"likewise {number.en}, {waiting.en} waiting",
        f"另有 {number.zh}情况相同，{waiting.zh}在等待",
    )


def look_at_services(facts: Facts) -> Remedy:
    return Remedy(
        Words("See every service with its state and reason", "查看每个服务的状态及原因"),
        easyai_command(facts.settings, "services", "--all"),
    )


def curl_all(some: Sequence[ServiceFacts]) -> str:
    urls = [probe_url(one.endpoint, one.health_url) for one in some][:_MOST_URLS]
    if len(urls) == 1:
        return curl_command(urls[0])
    listed = shell_words(*urls)
    return (
        f"for url in {listed}; do curl -sS -m 5 -o /dev/null "
        '-w "%{http_code} $url\\n" "$url" || echo "failed $url"; done'
    )


def ports_command(some: Sequence[ServiceFacts]) -> str:
    ports = sorted({port for one in some if (port := _port(one.endpoint))})
    if not ports:
        return "ps aux"
    wanted = " or ".join(f"sport = :{port}" for port in ports[:_MOST_URLS])
    return f"ss -ltnp '( {wanted} )'"


def machines(some: Sequence[ServiceFacts]) -> str:
    """The hosts of their endpoints, each once."""
    hosts = {urlsplit(one.endpoint).hostname or one.endpoint for one in some}
    return names(sorted(hosts))


def start_again(some: Sequence[ServiceFacts]) -> Remedy:
    """For an endpoint at which nothing answers though heartbeats arrive."""
    where = machines(some)
    return Remedy(
        Words(
            f"Look on the machine of the service ({where}) whether it runs and listens; if not, "
            "start it again there. It need not register: it is back at work with the first "
            "answered probe",
            f"在算法服务所在机器（{where}）上查看其是否在运行并监听端口；"
            "若没有，在该机器上重新启动。无需重新注册：探测得到应答后即恢复工作",
        ),
        ports_command(some),
    )


def restart_hanging(some: Sequence[ServiceFacts]) -> Remedy:
    """For services that live and do not answer calls."""
    where = machines(some)
    return Remedy(
        Words(
            f"Restart these services; first look at their logs, and with this command, run on "
            f"their machine ({where}), at GPU and memory",
            f"重启这些服务；重启前先查看其日志，并在其所在机器（{where}）上"
            "运行此命令查看 GPU 和内存",
        ),
        "nvidia-smi; free -m; ps aux --sort=-%cpu | head",
    )


def unregister_command(facts: Facts, service: ServiceFacts) -> str:
    """Take out this one endpoint, whatever others its id stands on."""
    url = f"{facts.settings.easyai.effective_public_url}/api/v1/ai_analysis/unregister"
    return curl_command(f"{url}/{quote(service.endpoint, safe='')}", "-X", "DELETE")


def _port(endpoint: str) -> int:
    scheme, _, rest = endpoint.partition("://")
    port = rest.partition("/")[0].rpartition("]")[2].rpartition(":")[2]
    return int(port) if port.isdigit() else {"http": 80, "https": 443}.get(scheme, 0)


def is_here(endpoint: str) -> bool:
    """Whether an endpoint is on this machine."""
    return any(f"//{host}" in endpoint for host in ("127.", "localhost", "[::1]"))


def _reached_at(own: Easyai, endpoint: str) -> str:
    """This server's URL for the machine of a service: a loopback address is not."""
    if own.public_url or is_here(endpoint) or not is_here(own.effective_public_url):
        return own.effective_public_url
    return f"http://{socket.gethostname()}:{own.port}"


def heartbeat_command(facts: Facts, service: ServiceFacts) -> str:
    base = _reached_at(facts.settings.easyai, service.endpoint)
    name = quote(service.service_id, safe="")
    return curl_command(f"{base}/api/v1/ai_analysis/heartbeat/{name}", "-X", "POST")
