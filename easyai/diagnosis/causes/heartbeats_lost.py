"""Services live but their heartbeats do not arrive: the fault is between them and us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import (
    answers,
    concerned,
    heartbeat_command,
    is_here,
    last_heartbeats,
    look_at_services,
    of_all,
    service_ids,
)
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts


def services_without_heartbeats(facts: Facts, silent: Sequence[ServiceFacts]) -> Cause:
    """The cause; if all services fell silent, its evidence looks for the fault at this server."""
    together = len(silent) == len(facts.services)
    stops = together and bool(facts.stalled)
    evidence = [last_heartbeats(facts, silent), answers(facts, silent)]
    if together or _only_local_heartbeats_arrive(facts, silent):
        evidence += _points_at_us(facts, silent)
    title = Reason.of(
        "cause.heartbeats_not_arriving.title",
        n=len(silent),
        who=of_all(facts, silent),
        services=service_ids(silent),
    )
    port = facts.settings.easyai.port
    return Cause(
        "heartbeats_not_arriving",
        title,
        tuple(evidence),
        (
            Remedy(Reason("remedy.send_heartbeat"), heartbeat_command(facts, silent[0])),
            Remedy(Reason("remedy.see_where_we_listen"), f"ss -ltn '( sport = :{port} )'"),
            Remedy(Reason("remedy.restart_heartbeat_loop")),
            look_at_services(facts),
        ),
        weight=66 if stops else 34 if together else 30,
        task_types=concerned(silent, ()),
    )


def _only_local_heartbeats_arrive(facts: Facts, silent: Sequence[ServiceFacts]) -> bool:
    """Whether heartbeats come from this machine only, which suggests a firewall."""
    pks = {service.pk for service in silent}
    others = [service for service in facts.services if service.pk not in pks]
    return all(is_here(service.endpoint) for service in others) and not any(
        is_here(service.endpoint) for service in silent
    )


def _points_at_us(facts: Facts, silent: Sequence[ServiceFacts]) -> Iterator[Reason]:
    newest = max(service.last_heartbeat for service in silent)
    spread = newest - min(service.last_heartbeat for service in silent)
    if len(silent) < len(facts.services):
        yield Reason("heartbeats.only_from_here")
    elif len(silent) > 1 and spread <= silent[0].heartbeat_timeout_sec:
        yield Reason("heartbeats.all_silent_together")
    yield from _own_api(facts)
    host = facts.settings.easyai.host
    if host.startswith("127.") or host in ("localhost", "::1"):
        far = [service for service in silent if not is_here(service.endpoint)]
        if far:
            yield Reason.of("own_api.listens_here_only", host=host, services=service_ids(far))


def _own_api(facts: Facts) -> Iterator[Reason]:
    url = facts.settings.easyai.effective_public_url
    if facts.own_api:
        yield Reason.of("own_api.silent_now", url=url, answer=facts.own_api)
    elif facts.own_api is not None:
        yield Reason.of("own_api.answers_now", url=url)
    if facts.snapshot is None:
        return
    started = [process.started_at for process in facts.snapshot.working("api", facts.now)]
    if started:
        yield Reason.of("own_api.runs_since", started=min(started))
    elif facts.snapshot.processes:
        yield Reason("own_api.not_running")
    if facts.snapshot.clock_jump_at:
        yield Reason.of("watch.clock_jumped_at", at=facts.snapshot.clock_jump_at)
