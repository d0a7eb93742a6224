"""What is written of a service whose heartbeats are missing or whose probe failed, and why."""

from __future__ import annotations

from typing import Any, Final

from easyai.db import services
from easyai.db.services import ServiceRow
from easyai.domain.service import ServiceState, with_move

LONGEST_PROBE_PAUSE_SEC: Final = 60.0
_FIRST_PROBE_PAUSE_SEC: Final = 5.0
_OFFLINE_AFTER: Final = 2  # probes in a row


def after_failed_probe(
    row: ServiceRow,
    answer: str,
    unconfirmed: bool,
    together: str,
    moves: dict[int, str],
    now: float,
) -> dict[str, Any]:
    """The demotion of a service whose probe failed: offline after two failures, else suspect."""
    # One that was online until this very look has failed one probe, whatever came before.
    failures = 1 if row.state == ServiceState.ONLINE else row.probe_failures + 1
    state = ServiceState.OFFLINE if failures >= _OFFLINE_AFTER else ServiceState.SUSPECT
    reason = _reason(row, answer, unconfirmed)
    if together and row.state == ServiceState.ONLINE:
        reason += f"; {together}"
    if state == ServiceState.OFFLINE:
        reason = with_move(reason, moves[row.pk])
    since = row.state_since if row.state == state else now
    values = demotion(row, state, reason, now, since, failures, _pause_sec(failures))
    return values | {"unconfirmed": unconfirmed}


def _pause_sec(failures: int) -> float:
    doublings = min(max(0, failures - _OFFLINE_AFTER), 10)
    return float(min(_FIRST_PROBE_PAUSE_SEC * 2**doublings, LONGEST_PROBE_PAUSE_SEC))


def _reason(row: ServiceRow, answer: str, unconfirmed: bool) -> str:
    if not unconfirmed:
        return f"probe failed: {answer}"
    if services.breaker_of(row).closed:
        return f"probe failed: {answer}, though heartbeats of its id arrive"
    calls = row.last_failure_reason or "no reason known"
    return f"calls fail ({calls}) though heartbeats of its id arrive; probe failed: {answer}"


def demotion(
    row: ServiceRow,
    state: ServiceState,
    reason: str,
    now: float,
    since: float,
    failures: int,
    pause_sec: float,
) -> dict[str, Any]:
    """The values of a demotion (`easyai.db.services.demote`); seconds."""
    return {
        "pk": row.pk,
        "state": str(state),
        "reason": reason,
        "since": since,
        "failures": failures,
        "next_probe_at": now + pause_sec,
        "seen": row,
    }
