"""Evidence: updates services by the results of the calls of a settled group.

Updates latency, breaker, learned cap and state: a service that answers a frame is alive, whatever
its answer.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from easyai.db import events, ledger, reasons, service_calls, service_events, services, waiting
from easyai.db.called_service import CalledService
from easyai.db.events import Event
from easyai.domain.breaker import (
    ANSWERED_LATELY_SEC,
    CONNECT_TIMEOUT_SEC,
    LONGEST_RETRY_SEC,
    OPEN_AFTER,
    Breaker,
    learned_cap,
)
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import AWAY
from easyai.domain.verdict import CallResult, Verdict
from easyai.messages.catalogue import text
from easyai.settings.schema import AiAnalysis

log = logging.getLogger(__name__)

_EWMA_WEIGHT = 0.2  # of the newest call
#: The service works, whatever its answer.
ANSWERED = (CallResult.INFERRED, CallResult.REFUSED)
_FAILURES = (
    CallResult.UNREACHABLE,
    CallResult.TIMEOUT,
    CallResult.BROKEN,
)  # probably the service's fault
_INFERRED = Reason("service.inferred")
_NONE_STEADY: Mapping[int, float | None] = MappingProxyType({})


@dataclass(slots=True)
class Evidence:
    """The updates of services that follow from calls."""

    # What the calls of each service add: `pk`, `calls` and `ewma_ms`, among others.
    updates: list[dict[str, Any]] = field(default_factory=list)
    # The pks of services whose state, breaker or cap has changed, and with it the registry.
    changed: set[int] = field(default_factory=set)


def record(
    conn: Connection,
    analysis: AiAnalysis,
    by_service: Mapping[int, Sequence[Verdict]],
    rows: Mapping[int, CalledService],
    now: float,
    steady: Mapping[int, float | None] = _NONE_STEADY,
) -> Evidence:
    """Update services by the verdicts of their calls (by service pk, in order of time).

    `rows` are the services before the update, locked; `steady` are the latencies (ms) of locked
    services whose calls were all answered, and that change in nothing but their figures. When a
    breaker closes, the frames of its types become due. Every change is recorded as an event.
    Returns the updates for the process's service cache.
    """
    answers, updates, changes, recovered, revived, changed = [], [], [], [], [], set()
    for pk, verdicts in by_service.items():
        if pk in steady:
            answers.append(_answer(pk, steady[pk], verdicts, now))
            continue
        row = rows.get(pk)
        if row is None:
            continue
        before = services.breaker_of(row)
        breaker = _breaker(conn, row, before, verdicts, now)
        update = _update(row, verdicts, breaker, now)
        update |= _cap(conn, row, verdicts, analysis, now)
        updates.append(update)
        if breaker.open_until != before.open_until or update["cap"] != row.concurrency_cap:
            changed.add(pk)
        if breaker != before:
            changes += _breaker_events(row, before, breaker, verdicts, now)
            if breaker.closed and not before.closed:
                recovered.append(pk)
        if row.state in AWAY and any(verdict.kind in ANSWERED for verdict in verdicts):
            revived.append(pk)
            changed.add(pk)
            changes.append(service_events.online(row, _INFERRED, now))
    service_calls.record_answers(conn, answers)
    service_calls.record_calls(conn, updates)
    service_calls.count_failures(conn, _failed(by_service))
    services.set_online(conn, revived, _INFERRED, now)
    if recovered:
        _hurry(conn, analysis, services.task_types_of(conn, recovered), now)
    events.add(conn, changes)
    return Evidence(answers + updates, changed)


def _failed(by_service: Mapping[int, Sequence[Verdict]]) -> dict[int, Counter[str]]:
    """The failed calls by service and kind; services without any are left out."""
    failed: dict[int, Counter[str]] = {}
    inferred = CallResult.INFERRED  # nearly every verdict, so it is looked at first
    for pk, verdicts in by_service.items():
        for verdict in verdicts:
            if verdict.kind is not inferred and verdict.kind in service_calls.FAILURES:
                failed.setdefault(pk, Counter())[verdict.kind] += 1
    return failed


def _answer(
    pk: int, ewma_ms: float | None, verdicts: Sequence[Verdict], now: float
) -> dict[str, Any]:
    for verdict in verdicts:
        ewma_ms = _averaged(ewma_ms, verdict.elapsed_ms)
    return {"pk": pk, "calls": len(verdicts), "ewma_ms": ewma_ms, "now": now}


def _averaged(ewma_ms: float | None, latency_ms: float) -> float:
    return latency_ms if ewma_ms is None else ewma_ms + _EWMA_WEIGHT * (latency_ms - ewma_ms)


def _hurry(conn: Connection, analysis: AiAnalysis, types: Sequence[str], now: float) -> None:
    in_order = [name for name in types if analysis.affinity(name)]
    others = [name for name in types if not analysis.affinity(name)]
    waiting.hurry(conn, in_order, now)
    # Frames that wait longer are kept apart on purpose: together they would open the breaker again.
    waiting.hurry(conn, others, now, longest_sec=LONGEST_RETRY_SEC)


def _breaker(
    conn: Connection, row: CalledService, before: Breaker, verdicts: Sequence[Verdict], now: float
) -> Breaker:
    breaker, answered_at = before, row.last_success_at
    alone = not before.closed and service_calls.is_alone(conn, row.pk)
    for verdict in verdicts:
        if verdict.kind in ANSWERED:
            breaker, answered_at = breaker.succeeded(), now
        elif verdict.kind in _FAILURES:
            opens = breaker.closed and breaker.failures + 1 >= OPEN_AFTER
            others = (
                opens
                and verdict.kind is CallResult.BROKEN
                and _answers(conn, row, answered_at, now)
            )
            breaker = breaker.failed(now, alone=alone, answers_others=others)
    return breaker


def _answers(conn: Connection, row: CalledService, answered_at: float, now: float) -> bool:
    """Whether an endpoint works, except that frames of a few cameras break it.

    A camera whose frames break an endpoint must not keep other cameras from it.
    """
    if abs(now - answered_at) > ANSWERED_LATELY_SEC:
        return False
    return ledger.failing_cameras(conn, row.pk, answered_at, OPEN_AFTER) < OPEN_AFTER


def _breaker_events(
    row: CalledService, before: Breaker, breaker: Breaker, verdicts: Sequence[Verdict], now: float
) -> list[Event]:
    """The event of a breaker that opens or closes; each opening is logged, repeated ones too."""
    if breaker.closed:
        if before.closed:
            return []
        log.info("algorithm service breaker closed: endpoint=%s", row.endpoint)
        closed = Reason.of("service.breaker_closed", failures=before.failures)
        return [_event(row, "breaker_closed", closed, now)]
    if before.open_until == breaker.open_until:
        return []
    reason = _last_failure(verdicts)
    log.warning(
        "algorithm service breaker open: endpoint=%s pause_sec=%g reason=%s",
        row.endpoint,
        breaker.pause_sec,
        text(reason),
    )
    if not before.closed:
        return []
    opened = Reason.of("service.breaker_opened", failures=breaker.failures, reason=reason)
    return [_event(row, "breaker_open", opened, now)]


def _event(row: CalledService, kind: str, cause: Reason, now: float) -> Event:
    return Event(now, kind, row.endpoint, service_events.of_service(row.service_id, cause))


def _last_failure(verdicts: Sequence[Verdict]) -> Reason:
    newest = (verdict.reason for verdict in reversed(verdicts) if verdict.kind in _FAILURES)
    return next(newest, NO_REASON)


def _update(
    row: CalledService, verdicts: Sequence[Verdict], breaker: Breaker, now: float
) -> dict[str, Any]:
    ewma_ms, answered, failure = row.ewma_ms, False, NO_REASON
    for verdict in verdicts:
        if verdict.kind in ANSWERED:
            answered = True
            ewma_ms = _averaged(ewma_ms, verdict.elapsed_ms)
        elif verdict.kind in _FAILURES:
            failure = verdict.reason
    return {
        "pk": row.pk,
        "calls": len(verdicts),
        "ewma_ms": ewma_ms,
        "last_success_at": now if answered else row.last_success_at,
        "last_evidence": now if answered else row.last_evidence,
        "failures": breaker.failures,
        "open_until": breaker.open_until,
        "pause_sec": breaker.pause_sec,
        "failed_at": now if failure else row.last_failure_at,
        **_failure(row, failure),
    }


def _failure(row: CalledService, newest: Reason) -> dict[str, Any]:
    """The columns of the last failure; unchanged if no call has failed."""
    if newest:
        return reasons.columns("last_failure_reason", newest)
    return {
        "last_failure_reason": row.last_failure_reason,
        "last_failure_reason_code": row.last_failure_reason_code,
        "last_failure_reason_args": row.last_failure_reason_args,
    }


def _cap(
    conn: Connection,
    row: CalledService,
    verdicts: Sequence[Verdict],
    analysis: AiAnalysis,
    now: float,
) -> dict[str, Any]:
    """The cap learned from an endpoint's time-outs; when it was last changed and last halved."""
    before = row.concurrency_cap
    known = {"cap_changed_at": row.cap_changed_at, "cap_halved_at": row.cap_halved_at}
    timeouts = sum(
        [verdict.kind is CallResult.TIMEOUT and not verdict.frames_fault for verdict in verdicts]
    )
    unheard = _unheard(row, verdicts, now)
    too_much = timeouts + unheard
    # Only answers are evidence about the present cap, not refused connections or broken answers.
    if not too_much and (before is None or not _has_answered(verdicts)):
        return {"cap": before} | known
    cap = learned_cap(
        before,
        timeouts=too_much,
        # The leases of this group have ended already, so add the group.
        in_flight=len(verdicts) + (ledger.in_flight_at(conn, row.pk) if too_much else 0),
        since_change_sec=abs(now - row.cap_changed_at),
        since_halved_sec=abs(now - row.cap_halved_at),
        timeout_sec=analysis.infer_timeout_sec if timeouts else CONNECT_TIMEOUT_SEC,
        answer_sec=(row.ewma_ms or 0.0) / 1000,
    )
    if cap == before:
        return {"cap": cap} | known
    if not too_much:
        return {"cap": cap} | known | {"cap_changed_at": now}
    log.warning(
        "algorithm service too slow for so many requests at once: endpoint=%s cap=%s",
        row.endpoint,
        cap,
    )
    return {"cap": cap, "cap_changed_at": now, "cap_halved_at": now}


def _unheard(row: CalledService, verdicts: Sequence[Verdict], now: float) -> int:
    """How many connections an endpoint did not accept in time, although it answers others.

    Field services take requests singly and let five connections wait. The system drops
    packets of further connections, and both sides wait for each other longer and longer.
    """
    if not _has_answered(verdicts) and abs(now - row.last_success_at) > CONNECT_TIMEOUT_SEC:
        return 0
    return sum(verdict.not_accepted for verdict in verdicts)


def _has_answered(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.kind in ANSWERED for verdict in verdicts)
