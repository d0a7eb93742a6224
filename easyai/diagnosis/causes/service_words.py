"""Texts that causes at services share: which services, their heartbeats and answers, remedies."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import ROUTABLE, probe_url
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.settings.commands import curl_command, easyai_command, shell_words
from easyai.settings.schema import Easyai

_MOST_URLS: Final = 24
#: A cause names at most so many task types.
MOST_TYPES: Final = 5


def of_all(facts: Facts, some: Sequence[ServiceFacts]) -> Reason:
    """Some services, as the subject of a sentence."""
    number, total = len(some), len(facts.services)
    if number < total:
        return Reason.of("services.some_of", number=number, total=total)
    return Reason.of("services.all", total=total) if total > 1 else Reason("services.the_only")


def concerned(some: Sequence[ServiceFacts], stopped: Collection[str]) -> tuple[str, ...]:
    """The task types that these services affect: their stopped types, or else all their types."""
    own = {name for service in some for name in service.task_types}
    return tuple(sorted(own.intersection(stopped) or own))


def service_ids(some: Sequence[ServiceFacts]) -> tuple[str, ...]:
    """The service_ids of services, for the format `names`."""
    return tuple(service.service_id for service in some)


def last_heartbeats(facts: Facts, some: Sequence[ServiceFacts]) -> Reason:
    """When the last heartbeats of services came, and how often they should come."""
    first, last = (pick(service.last_heartbeat for service in some) for pick in (min, max))
    age_sec, timeout_sec = facts.now - last, some[0].heartbeat_timeout_sec
    if last - first < 1:
        return Reason.of(
            "services.last_heartbeat", last=first, age_sec=age_sec, timeout_sec=timeout_sec
        )
    return Reason.of(
        "services.last_heartbeats",
        first=first,
        last=last,
        age_sec=age_sec,
        timeout_sec=timeout_sec,
    )


def answers(facts: Facts, some: Sequence[ServiceFacts]) -> Reason:
    """The answers of services to probes, or to their last calls if no probe was made."""
    by_answer: dict[Reason, list[str]] = {}
    for service in some:
        answer = facts.probe(service) or NO_REASON
        if not answer and not facts.was_probed(service) and facts.is_failing(service):
            answer = service.last_failure_reason
        by_answer.setdefault(answer, []).append(service.service_id)
    given = tuple(
        Reason.of("services.answer", services=tuple(of), answer=answer or Reason("probe.answered"))
        for answer, of in sorted(by_answer.items(), key=lambda pair: str(pair[0]))
    )
    if facts.probes is not None:
        return Reason.of("services.answers_now", answers=given)
    return Reason.of("services.answers_lately", answers=given)


def without_service(facts: Facts) -> Iterator[Reason]:
    """The task types with waiting frames and without a service that can take work."""
    unserved = [
        task_type for task_type in facts.types if task_type.waiting and _is_away(facts, task_type)
    ]
    worst = sorted(unserved, key=lambda task_type: -task_type.waiting)
    for task_type in worst[:MOST_TYPES]:
        yield Reason.of("services.none_at_work", task_type=task_type.name, n=task_type.waiting)
    yield from further_types(worst[MOST_TYPES:])


def _is_away(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether services of a type are registered but cannot take work."""
    own = [service for service in facts.services if task_type.name in service.task_types]
    return bool(own) and not any(service.state in ROUTABLE for service in own)


def further_types(some: Sequence[TypeFacts]) -> Iterator[Reason]:
    """How many more such types there are, if there are too many to name."""
    if some:
        waiting = sum(task_type.waiting for task_type in some)
        yield Reason.of("services.further_types", n=len(some), waiting=waiting)


def look_at_services(facts: Facts) -> Remedy:
    return Remedy(
        Reason("remedy.look_at_services"),
        easyai_command(facts.settings, "services", "--all"),
    )


def curl_all(some: Sequence[ServiceFacts]) -> str:
    urls = [probe_url(service.endpoint, service.health_url) for service in some][:_MOST_URLS]
    if len(urls) == 1:
        return curl_command(urls[0])
    listed = shell_words(*urls)
    return (
        f"for url in {listed}; do curl -sS -m 5 -o /dev/null "
        '-w "%{http_code} $url\\n" "$url" || echo "failed $url"; done'
    )


def ports_command(some: Sequence[ServiceFacts]) -> str:
    ports = sorted({port for service in some if (port := _port(service.endpoint))})
    if not ports:
        return "ps aux"
    wanted = " or ".join(f"sport = :{port}" for port in ports[:_MOST_URLS])
    return f"ss -ltnp '( {wanted} )'"


def machines(some: Sequence[ServiceFacts]) -> tuple[str, ...]:
    """The hosts of services' endpoints, for the format `names`."""
    return tuple(
        sorted({urlsplit(service.endpoint).hostname or service.endpoint for service in some})
    )


def start_again(some: Sequence[ServiceFacts]) -> Remedy:
    """The remedy if nothing answers at an endpoint although heartbeats arrive."""
    remedy = Reason.of("remedy.start_where_it_runs", machines=machines(some))
    return Remedy(remedy, ports_command(some))


def restart_hanging(some: Sequence[ServiceFacts]) -> Remedy:
    """The remedy if services live and do not answer calls."""
    remedy = Reason.of("remedy.restart_hanging", machines=machines(some))
    return Remedy(remedy, "nvidia-smi; free -m; ps aux --sort=-%cpu | head")


def unregister_command(facts: Facts, service: ServiceFacts) -> str:
    """The command that unregisters only this endpoint, whatever else has the same service_id."""
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
    """This server's URL as the machine of a service can reach it, so not a loopback address."""
    if own.public_url or is_here(endpoint) or not is_here(own.effective_public_url):
        return own.effective_public_url
    return f"http://{socket.gethostname()}:{own.port}"


def heartbeat_command(facts: Facts, service: ServiceFacts) -> str:
    base = _reached_at(facts.settings.easyai, service.endpoint)
    name = quote(service.service_id, safe="")
    return curl_command(f"{base}/api/v1/ai_analysis/heartbeat/{name}", "-X", "POST")
