"""Old endpoints of services that registered elsewhere under the same service_id."""

from __future__ import annotations

from typing import Final

from easyai.diagnosis.causes.cause import REMARK, Cause, Remedy
from easyai.diagnosis.causes.service_words import concerned, service_ids, unregister_command
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts

_MOST: Final = 12


def moved_services(facts: Facts) -> Cause:
    """A remark. Nothing is lost; the old endpoints are probed until an operator removes them."""
    some = facts.moved
    return Cause(
        "service_moved",
        Reason.of("cause.service_moved.title", services=service_ids(some)),
        tuple(_evidence(facts, service) for service in some[:_MOST]),
        tuple(_take_out(facts, service) for service in some[:_MOST]),
        weight=REMARK,
        task_types=concerned(some, ()),
    )


def _evidence(facts: Facts, old: ServiceFacts) -> Reason:
    return Reason.of(
        "cause.service_moved.lives_at",
        service_id=old.service_id,
        old=old.endpoint,
        until=old.state_since,
        new=facts.moved_to(old),
    )


def _take_out(facts: Facts, old: ServiceFacts) -> Remedy:
    remedy = Reason.of("remedy.take_out_old_endpoint", endpoint=old.endpoint)
    return Remedy(remedy, unregister_command(facts, old))
