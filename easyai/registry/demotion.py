"""The state and reason of a service whose heartbeats are missing or whose probe failed."""

from __future__ import annotations

from typing import Any, Final

from easyai.db import reasons, services
from easyai.db.services import ServiceRow
from easyai.domain.reason import Reason
from easyai.domain.service import PROBE_FAILED, ServiceState, move_to, outlives

LONGEST_PROBE_PAUSE_SEC: Final = 60.0
_FIRST_PROBE_PAUSE_SEC: Final = 5.0
_OFFLINE_AFTER: Final = 2  # probes in a row


def after_failed_probe(
    row: ServiceRow,
    answer: Reason,
    unconfirmed: bool,
    together: Reason | None,
    moved: str,
    seen_at: float,
) -> dict[str, Any]:
    """The demotion of a service whose probe failed: offline after two failures, else suspect.

    `moved`: the endpoint to which the service moved, or ''. `seen_at`: when the check read `row`;
    its new state and this probe count from then, so that an endpoint that registers during the
    probes is newer.
    """
    # A service that was online until this check has failed a single probe, whatever came before.
    failures = 1 if row.state == ServiceState.ONLINE else row.probe_failures + 1
    state = ServiceState.OFFLINE if failures >= _OFFLINE_AFTER else ServiceState.SUSPECT
    together = together if row.state == ServiceState.ONLINE else None
    reason = _reason(row, answer, unconfirmed, together, move_to(moved))
    since = row.state_since if row.state == state else seen_at
    values = demotion(row, state, reason, seen_at, since, failures, pause_sec(failures))
    return values | {"unconfirmed": unconfirmed}


def pause_sec(failures: int) -> float:
    """Seconds until the next probe of a service after so many failed probes in a row."""
    doublings = min(max(0, failures - _OFFLINE_AFTER), 10)
    return float(min(_FIRST_PROBE_PAUSE_SEC * 2**doublings, LONGEST_PROBE_PAUSE_SEC))


def _reason(
    row: ServiceRow,
    answer: Reason,
    unconfirmed: bool,
    together: Reason | None,
    moved: Reason | None,
) -> Reason:
    heard = unconfirmed and not moved and _is_heard(row)
    if unconfirmed and not services.breaker_of(row).closed:
        code = "service.calls_fail" if heard else "service.calls_and_probe_fail"
        calls = reasons.read(row, "last_failure_reason") or Reason("service.no_reason_known")
        return Reason.of(code, calls=calls, answer=answer, together=together, moved=moved)
    contact = Reason("service.though_heard") if heard else None
    return Reason.of(PROBE_FAILED, answer=answer, heard=contact, together=together, moved=moved)


def _is_heard(row: ServiceRow) -> bool:
    """Whether heartbeats arrive since its calls fail; yes if no failed call shows when it died."""
    if row.last_failure_at <= row.last_success_at:
        return True
    return outlives(row.last_heartbeat, row.last_success_at)


def demotion(
    row: ServiceRow,
    state: ServiceState,
    reason: Reason,
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
