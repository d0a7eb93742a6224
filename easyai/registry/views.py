"""The operators' views of the registry (contract, section 3), as JSON-ready dicts.

Times are Unix seconds unless RFC 3339 is mentioned, durations milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, pvariance
from typing import Any, Final

from easyai.db import clock, reasons, registration_requests, service_calls, services
from easyai.db.services import ServiceRow
from easyai.domain.alert import utc_text
from easyai.domain.service import ROUTABLE
from easyai.masking import hide_credentials
from easyai.messages.catalogue import fields
from easyai.registry import approval
from easyai.runtime import Runtime

# The predecessor's weights, which operators' pages and programs know. They do not decide which
# service gets a frame: see domain/choice.py.
_LARGEST_WEIGHT: Final = 100
_NEW_WEIGHT: Final = 10  # of a service that was never measured

# Coefficient of variation of the calls of a type's services, and the word for it.
_QUALITY: Final = ((0.1, "excellent"), (0.3, "good"), (0.6, "fair"))


def service_list(runtime: Runtime, *, everything: bool = False) -> dict[str, Any]:
    """The services that can take work now, an entry per endpoint.

    `everything` adds all other services and services that wait for approval, and to each entry
    `state`, `state_reason`, `state_since`, `heartbeat_age_sec`, `last_evidence` (heartbeat,
    inference or probe), `breaker` (closed, open or half-open) with `breaker_trial_in_sec` (0:
    requests may go), and the last failed call: `last_failure` and `last_failure_at`, null when no
    call failed. Both texts have their code and arguments beside them, such as `state_reason_code`.
    """
    rows, types, now = _read(runtime)
    entries = []
    for row in rows:
        if not everything and not _routable(row):
            continue
        entry = _entry(row, types.get(row.pk, []))
        if everything:
            entry |= _state(row, now)
        entries.append(entry)
    if everything:
        with runtime.db.read() as conn:
            requests = registration_requests.all_requests(conn)
        entries += approval.as_entries(requests, now)
    return {"services": entries, "total": len(entries)}


def task_type_services(runtime: Runtime, task_type: str) -> dict[str, Any]:
    """The services of a task type that can take work now."""
    rows, types, _ = _read(runtime)
    entries = [
        _entry(row, types[row.pk])
        for row in rows
        if _routable(row) and task_type in types.get(row.pk, ())
    ]
    return {"services": entries, "total": len(entries), "task_type": task_type}


def load_balance(runtime: Runtime) -> dict[str, Any]:
    """How fast the services of each type are, and the share of its frames that follows from it.

    `weight` is 1000 / `avg_response_ms` as an integer from 1 to 100, 10 without `has_data`;
    `allocation_ratio` its share of the type's `total_weight` in percent; `updated_at` RFC 3339.
    `rate_limit` is the configured rate limit of the type ("30/s"), '' for none.
    """
    by_type, now = _by_type(runtime)
    analysis = runtime.settings.ai_analysis
    balance = {
        name: _balance(name, rows, now) | {"rate_limit": analysis.type_settings(name).rate_limit}
        for name, rows in by_type.items()
    }
    return {"load_balance": balance, "total_task_types": len(balance)}


def load_analysis(runtime: Runtime) -> dict[str, Any]:
    """How evenly calls were spread over the services of each type.

    `balance_quality` names the coefficient of variation of the calls, standard deviation over
    mean: up to 0.1 excellent, 0.3 good, 0.6 fair, above poor; no_data before the first call.
    Services of unequal speed get unequal calls: poor alone is no fault.
    """
    return {"analysis": {name: _analysis(rows) for name, rows in _by_type(runtime)[0].items()}}


def _read(runtime: Runtime) -> tuple[list[ServiceRow], dict[int, list[str]], float]:
    """Every service, the task types by service pk, and the time of this reading."""
    with runtime.db.read() as conn:
        return services.all_services(conn), services.all_task_types(conn), clock.now(conn)


def _routable(row: ServiceRow) -> bool:
    return row.state in ROUTABLE


def _by_type(runtime: Runtime) -> tuple[dict[str, list[ServiceRow]], float]:
    rows, types, now = _read(runtime)
    by_type: dict[str, list[ServiceRow]] = {}
    for row in rows:
        if _routable(row):
            for task_type in types.get(row.pk, ()):
                by_type.setdefault(task_type, []).append(row)
    return dict(sorted(by_type.items())), now


def _entry(row: ServiceRow, task_types: Sequence[str]) -> dict[str, Any]:
    return {
        "service_id": row.service_id,
        "name": row.name,
        "endpoint": hide_credentials(row.endpoint),
        "version": row.version,
        "task_types": list(task_types),
        "call_count": row.call_count,
        "last_heartbeat": int(row.last_heartbeat),
        "register_at": int(row.register_at),
    }


def _state(row: ServiceRow, now: float) -> dict[str, Any]:
    breaker = services.breaker_of(row)
    word = "closed" if breaker.closed else "open" if now < breaker.open_until else "half-open"
    reason = services.reason_of(row).quoting(hide_credentials)
    failure = reasons.read(row, "last_failure_reason") or None
    return {
        "state": row.state,
        **fields("state_reason", reason),
        "state_since": int(row.state_since),
        "breaker": word,
        "breaker_trial_in_sec": round(max(0.0, breaker.open_until - now), 1),
        "heartbeat_age_sec": round(max(0.0, now - row.last_heartbeat), 1),
        "last_evidence": int(row.last_evidence),
        **fields("last_failure", failure),
        "last_failure_at": int(row.last_failure_at) or None,
        "failed_calls": service_calls.failures_of(row),
    }


def _balance(task_type: str, rows: Sequence[ServiceRow], now: float) -> dict[str, Any]:
    weights = [_weight(row.ewma_ms) for row in rows]
    total = sum(weights)
    return {
        "task_type": task_type,
        "total_services": len(rows),
        "services": [
            {
                "endpoint": hide_credentials(row.endpoint),
                "service_id": row.service_id,
                "name": row.name,
                "avg_response_ms": round(row.ewma_ms or 0.0),
                "weight": weight,
                "call_count": row.call_count,
                "allocation_ratio": round(100.0 * weight / total, 2),
                "has_data": row.ewma_ms is not None,
            }
            for row, weight in zip(rows, weights, strict=True)
        ],
        "total_weight": total,
        "updated_at": utc_text(now),
    }


def _weight(average_ms: float | None) -> int:
    if average_ms is None:
        return _NEW_WEIGHT
    return min(max(int(1000.0 / max(average_ms, 1.0)), 1), _LARGEST_WEIGHT)


def _analysis(rows: Sequence[ServiceRow]) -> dict[str, Any]:
    calls = [row.call_count for row in rows]
    mean, variance = fmean(calls), pvariance(calls)
    return {
        "service_count": len(rows),
        "total_calls": sum(calls),
        "avg_calls": round(mean, 3),
        "min_calls": min(calls),
        "max_calls": max(calls),
        "variance": round(variance, 3),
        "balance_quality": _quality(mean, variance),
        "services": [
            {
                "service_id": row.service_id,
                "endpoint": hide_credentials(row.endpoint),
                "call_count": row.call_count,
            }
            for row in rows
        ],
    }


def _quality(mean: float, variance: float) -> str:
    if mean == 0:
        return "no_data"
    variation = float(variance) ** 0.5 / mean
    for limit, word in _QUALITY:
        if variation <= limit:
            return word
    return "poor"
