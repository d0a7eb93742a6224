"""Two services that register the same endpoint alternately, each replacing the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import concerned, look_at_services, ports_command
from easyai.domain.reason import Reason
from easyai.domain.takeover import TOGETHER_SEC, Takeover, takeover
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts

_FEWEST: Final = 3  # takeovers; a rename that is undone makes two


def find(facts: Facts) -> Iterator[Cause]:
    """The endpoints that are contested now."""
    contested = [
        (service, taken) for service in facts.services if (taken := _contested(facts, service))
    ]
    if not contested:
        return
    some = [service for service, _ in contested]
    endpoints = tuple(service.endpoint for service in some)
    yield Cause(
        "endpoint_contested",
        Reason.of("cause.endpoint_contested.title", endpoints=endpoints),
        tuple(_evidence(service, taken) for service, taken in contested),
        (
            Remedy(Reason("remedy.see_who_listens"), ports_command(some)),
            Remedy(Reason("remedy.give_own_address")),
            look_at_services(facts),
        ),
        weight=28,
        task_types=concerned(some, ()),
    )


def _contested(facts: Facts, service: ServiceFacts) -> Takeover | None:
    taken = takeover(service.state_reason)
    if taken is None or taken.times < _FEWEST:
        return None
    return taken if facts.now - service.state_since <= TOGETHER_SEC else None


def _evidence(service: ServiceFacts, taken: Takeover) -> Reason:
    return Reason.of(
        "cause.endpoint_contested.changed_hands",
        endpoint=service.endpoint,
        times=taken.times,
        at=service.state_since,
        service_id=service.service_id,
        before=taken.before,
    )
