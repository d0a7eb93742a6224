"""The services: state, reason, evidence, calls, limits and breaker of each endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from easyai.dashboard.sections.section import REST, Shown
from easyai.db import (
    diagnosis_facts,
    live_rows,
    reasons,
    registration_requests,
    service_calls,
    services,
)
from easyai.domain.breaker import Breaker
from easyai.domain.reason import Reason
from easyai.domain.service import AWAY, MOVED, ServiceState, moved_to
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text

_WAITS: Final = "waits_for_approval"
_FAILING: Final = "failing"  # online, but its breaker is not closed
_WHY: Final = Reason("service.waits_for_approval")


class ServicesSection:
    """Every endpoint, and the registrations that wait for approval."""

    name = "services"
    rest = REST

    def __init__(self) -> None:
        self._rows: Sequence[Row[Any]] = ()
        self._requests: Sequence[Row[Any]] = ()
        self._types: Mapping[int, list[str]] = {}
        self._in_flight: Counter[int | None] = Counter()
        self._now = 0.0

    def read(self, conn: Connection, now: float) -> None:
        """Read the registry."""
        self._now = now
        self._rows = live_rows.services(conn, now)
        self._types = services.all_task_types(conn)
        self._requests = registration_requests.all_requests(conn)
        self._in_flight = Counter()
        for _, pk, count, _ in diagnosis_facts.leased(conn):
            self._in_flight[pk] += count

    def show(self, language: str) -> Shown:
        """The services; those that wait for approval come first."""
        waits = text(_WHY, language)
        entries = [_request(row, waits) for row in self._requests]
        return Shown(entries + [self._entry(row, language) for row in self._rows])

    def _entry(self, row: Row[Any], language: str) -> dict[str, Any]:
        breaker, reason = services.breaker_of(row), services.reason_of(row)
        tripped = "open" if self._now < breaker.open_until else "half_open"
        failures = service_calls.failures_of(row)
        state = _state(row, breaker, reason)
        limits = [limit for limit in (row.max_concurrency, row.concurrency_cap) if limit]
        return {
            "service_id": row.service_id,
            "endpoint": hide_credentials(row.endpoint),
            "name": row.name,
            "version": row.version,
            "types": self._types.get(row.pk, []),
            "state": state,
            "reason": text(
                _failure(row) if state == _FAILING else reason.quoting(hide_credentials), language
            ),
            "since": row.state_since,
            "last_heartbeat": row.last_heartbeat or None,
            "last_call": max(row.last_success_at, row.last_failure_at) or None,
            "last_success": row.last_success_at or None,
            "last_failure": row.last_failure_at or None,
            "failure_reason": text(_failure(row), language),
            "failures_in_a_row": breaker.failures,
            "last_probe": _last_probe(row),
            "calls": row.call_count,
            "failures": sum(failures.values()),
            "failures_by_kind": failures,
            "latency_ms": None if row.ewma_ms is None else round(row.ewma_ms, 1),
            "limit": min(limits, default=None),
            "in_flight": self._in_flight[row.pk],
            "breaker": "closed" if breaker.closed else tripped,
        }


def _state(row: Row[Any], breaker: Breaker, reason: Reason) -> str:
    """The state, as people see it: until its heartbeats are missing, a dead service is online."""
    if row.state in AWAY and moved_to(reason):
        return MOVED
    if row.state == ServiceState.ONLINE and not breaker.closed:
        return _FAILING
    return str(row.state)


def _last_probe(row: Row[Any]) -> float | None:
    """When a probe was last answered, while no heartbeat and no call is newer; None: not known."""
    others = max(row.last_heartbeat, row.last_success_at)
    return row.last_evidence if row.last_evidence > others else None


def _failure(row: Row[Any]) -> Reason:
    return reasons.read(row, "last_failure_reason").quoting(hide_credentials)


def _request(row: Row[Any], waits: str) -> dict[str, Any]:
    return {
        "service_id": row.service_id,
        "endpoint": hide_credentials(row.endpoint),
        "name": "",
        "version": "",
        "types": list(registration_requests.task_types(row)),
        "state": _WAITS,
        "reason": waits,
        "since": row.asked_at,
        "last_heartbeat": row.last_heartbeat or None,
        "last_call": None,
        "last_success": None,
        "last_failure": None,
        "failure_reason": "",
        "failures_in_a_row": 0,
        "last_probe": None,
        "calls": 0,
        "failures": 0,
        "failures_by_kind": {},
        "latency_ms": None,
        "limit": None,
        "in_flight": 0,
        "breaker": "closed",
    }
