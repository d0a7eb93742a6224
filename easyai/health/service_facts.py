"""What the database knows of a service endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from easyai.db import diagnosis_facts as rows
from easyai.db import reasons
from easyai.db import services as services_db
from easyai.domain.reason import Reason
from easyai.domain.service import probe_url
from easyai.masking import hide_credentials

_REGISTERED: Final = ("name", "version", "health_url", "max_concurrency", "heartbeat_timeout_sec")
Lease = tuple[str, int | None, int, float]  # as `db.diagnosis_facts.leased` returns it


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A service endpoint."""

    pk: int
    service_id: str
    endpoint: str  # without its password, so that it may be shown
    probe_url: str = field(repr=False)  # with its password
    health_url: str | None
    task_types: tuple[str, ...]
    state: str
    state_reason: Reason
    state_since: float
    register_at: float
    last_heartbeat: float
    last_evidence: float
    last_success_at: float  # its last answer, even if it refused the frame
    heartbeat_timeout_sec: float  # its own timeout, else the timeout in the settings
    registered: Mapping[str, str | float]  # the optional fields of its registration
    registered_from: str  # the IP address that sent the registration; '' if unknown
    probe_failures: int
    breaker: str  # closed, open or half-open
    last_failure_reason: Reason
    last_failure_at: float
    ewma_ms: float | None  # of answered calls
    in_flight: int
    oldest_lease_at: float


def read(
    conn: Connection,
    leased: Sequence[Lease],
    timeout_sec: float,
    now: float,
) -> tuple[ServiceFacts, ...]:
    types = services_db.all_task_types(conn)
    flying: defaultdict[int | None, list[Lease]] = defaultdict(list)
    for lease in leased:
        flying[lease[1]].append(lease)
    return tuple(
        _service(row, tuple(types.get(row.pk, ())), flying[row.pk], timeout_sec, now)
        for row in rows.services(conn)
    )


def _registered(row: Any) -> dict[str, str | float]:
    filled = {key: value for key in _REGISTERED if (value := getattr(row, key))}
    return {
        key: hide_credentials(value) if isinstance(value, str) else value
        for key, value in filled.items()
    }


def _service(
    row: Any,
    task_types: tuple[str, ...],
    flying: Sequence[Lease],
    timeout_sec: float,
    now: float,
) -> ServiceFacts:
    breaker = services_db.breaker_of(row)
    word = "closed" if breaker.closed else "open" if now < breaker.open_until else "half-open"
    return ServiceFacts(
        pk=row.pk,
        service_id=row.service_id,
        endpoint=hide_credentials(row.endpoint),
        probe_url=probe_url(row.endpoint, row.health_url),
        health_url=row.health_url and hide_credentials(row.health_url),
        task_types=task_types,
        state=row.state,
        state_reason=services_db.reason_of(row).quoting(hide_credentials),
        state_since=row.state_since,
        register_at=row.register_at,
        last_heartbeat=row.last_heartbeat,
        last_evidence=row.last_evidence,
        last_success_at=row.last_success_at,
        heartbeat_timeout_sec=row.heartbeat_timeout_sec or timeout_sec,
        registered=_registered(row),
        registered_from=row.registered_from,
        probe_failures=row.probe_failures,
        breaker=word,
        last_failure_reason=reasons.read(row, "last_failure_reason"),
        last_failure_at=row.last_failure_at,
        ewma_ms=row.ewma_ms,
        in_flight=sum(lease[2] for lease in flying),
        oldest_lease_at=min((lease[3] for lease in flying), default=0.0),
    )
