"""The cause that services send heartbeats more rarely than heartbeat_timeout_sec allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import concerned, look_at_services, service_ids
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts


def short_timeout(facts: Facts, some: Sequence[ServiceFacts]) -> Cause:
    """The cause; inference goes on, because the services answer probes."""
    pause_sec = max(facts.pace_sec(service) for service in some)
    title = Reason.of(
        "cause.heartbeat_timeout_short.title",
        timeout_sec=min(service.heartbeat_timeout_sec for service in some),
        pause_sec=pause_sec,
        services=service_ids(some),
    )
    least_sec = math.ceil(2 * pause_sec / 10) * 10
    return Cause(
        "heartbeat_timeout_short",
        title,
        (Reason("cause.heartbeat_timeout_short.steady"),),
        (
            Remedy(Reason.of("remedy.set_heartbeat_timeout", least_sec=least_sec)),
            look_at_services(facts),
        ),
        weight=34,
        task_types=concerned(some, ()),
    )
