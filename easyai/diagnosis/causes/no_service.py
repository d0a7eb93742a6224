"""Causes without any registered service that could take work, and who took the services out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.approvals import approve_waiting, waits_for_approval
from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.misspelt_folders import discard_misspelt, misspelt_folders
from easyai.diagnosis.causes.service_words import (
    MOST_TYPES,
    further_types,
    look_at_services,
    service_ids,
)
from easyai.domain.reason import Reason
from easyai.domain.service import ServiceState
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.settings.commands import curl_command

_MOST_CALLS: Final = 3


def missing_services(facts: Facts, missing: Sequence[TypeFacts]) -> Cause:
    """Frames of these types wait, and no registered service could ever take them."""
    types = tuple(task_type.name for task_type in missing)
    return Cause(
        "no_service",
        Reason.of("cause.no_service.of_types", task_types=types),
        tuple(_missing_evidence(facts, missing)),
        tuple(_missing_remedies(facts, types)),
        weight=71,
        task_types=types,
    )


def _missing_evidence(facts: Facts, missing: Sequence[TypeFacts]) -> Iterator[Reason]:
    types = [task_type.name for task_type in missing]
    yield from _waiting(missing)
    yield from waits_for_approval(facts, set(types))
    yield from misspelt_folders(facts, types)
    yield from taken_out(facts, set(types))


def _waiting(missing: Sequence[TypeFacts]) -> Iterator[Reason]:
    worst = sorted(missing, key=lambda task_type: -task_type.waiting)
    for task_type in worst[:MOST_TYPES]:
        yield Reason.of(
            "cause.no_service.waiting",
            task_type=task_type.name,
            n=task_type.waiting,
            since=task_type.oldest_wait_at,
        )
    yield from further_types(worst[MOST_TYPES:])


def _missing_remedies(facts: Facts, types: Sequence[str]) -> Iterator[Remedy]:
    correct = tuple(discard_misspelt(facts, types))
    all_misspelt = len(correct) == len(types)
    yield from approve_waiting(facts, set(types))
    # The short report shows only the first remedy: no service will register for a misspelt type.
    yield from correct if all_misspelt else ()
    yield from _remedies(facts, set(types))
    yield from () if all_misspelt else correct


def no_services(facts: Facts) -> Cause:
    """No service is registered. No frame waits yet, but the next frame will wait in vain."""
    was_there = bool(facts.snapshot and facts.snapshot.services)
    return Cause(
        "no_service",
        Reason("cause.no_service.any_more" if was_there else "cause.no_service.none"),
        tuple(taken_out(facts)),
        _remedies(facts),
        weight=71,
    )


def _out(facts: Facts, types: Collection[str] | None) -> list[ServiceFacts]:
    known = facts.snapshot.services if facts.snapshot else ()
    return [
        service
        for service in known
        if service.state == ServiceState.UNREGISTERED
        and (types is None or not set(service.task_types).isdisjoint(types))
    ]


def taken_out(facts: Facts, types: Collection[str] | None = None) -> Iterator[Reason]:
    """Which request took out the services of these types (None: of any), and when."""
    out = _out(facts, types)
    if not out:
        yield Reason("cause.no_service.never_registered")
        return
    by_reason: dict[Reason, list[ServiceFacts]] = {}
    for service in out:
        by_reason.setdefault(service.state_reason, []).append(service)
    for reason, some in by_reason.items():
        yield Reason.of(
            "cause.no_service.taken_out",
            n=len(some),
            at=max(service.state_since for service in some),
            reason=reason,
            services=service_ids(some),
        )


def _remedies(facts: Facts, types: Collection[str] | None = None) -> tuple[Remedy, ...]:
    base = facts.settings.easyai.effective_public_url
    newest = sorted(_out(facts, types), key=lambda service: -service.state_since)
    return (
        Remedy(
            Reason("remedy.start_services_of_types"),
            curl_command(f"{base}/api/v1/ai_analysis/services?state=all"),
        ),
        *(_register_again(base, service) for service in newest[:_MOST_CALLS]),
        look_at_services(facts),
    )


def _register_again(base: str, service: ServiceFacts) -> Remedy:
    body = {
        "service_id": service.service_id,
        "endpoint": service.endpoint,
        "task_types": service.task_types,
        **service.registered,
    }
    remedy = Reason.of(
        "remedy.register_again", service_id=service.service_id, endpoint=service.endpoint
    )
    return Remedy(
        remedy,
        curl_command(
            f"{base}/api/v1/ai_analysis/register",
            *(
                "-X",
                "POST",
                "-H",
                "Content-Type: application/json",
                "-d",
                json.dumps(body, ensure_ascii=False),
            ),
        ),
    )
