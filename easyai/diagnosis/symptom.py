"""What is wrong as users see it from outside: since when, for how long, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.stalled_types import KEPT, since, standing_lines
from easyai.domain.alarm import AlarmKind
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE
from easyai.health.facts import Facts
from easyai.health.snapshot import Snapshot

# Causes from this weight on stop inference of some type or of all.
STOPS: Final = 50


# Causes that keep scans from finding new pictures.
_STOP_SCANNING: Final = frozenset(
    {
        "beat_gone",
        "broker_down",
        "database_down",
        "disabled",
        "store_down",
        "worker_gone",
        "worker_hung",
    }
)
# Scans run but look for nothing; the start of this is not known.
_SWITCHED_OFF: Final = Reason("symptom.switched_off")


class Status(StrEnum):
    """The overall state in a single word."""

    WELL = "well"
    DEGRADED = "degraded"  # something does not work; frames are inferred, or no frame waits
    STALLED = "stalled"  # no frame of a type succeeds though frames wait or fail; or no scan runs
    UNKNOWN = "unknown"  # the database does not answer


@dataclass(frozen=True, slots=True)
class Symptom:
    """The state of inference."""

    status: Status
    since: float  # when inference stopped; 0 when it has not, or the time is not known
    last_success_at: float  # of the types that stand still, else of any; 0: not remembered
    lines: tuple[Reason, ...]  # the first line is the summary


def symptom(facts: Facts, causes: Sequence[Cause]) -> Symptom:
    """The symptom; while an alarm rings, not all is well."""
    if facts.snapshot is None:
        return _unknown()
    seen = _seen(facts, facts.snapshot, causes)
    if not facts.ringing:
        return seen
    return replace(seen, lines=(*seen.lines, ringing(facts)))


def _seen(facts: Facts, snapshot: Snapshot, causes: Sequence[Cause]) -> Symptom:
    if facts.stalled and not facts.failed("database"):
        return _stalled(facts)
    if any(_stops_scanning(cause) for cause in causes):
        return _not_scanned(facts, snapshot)
    broken = [check for check in facts.checks.values() if not check.ok]
    if all(cause.is_remark for cause in causes) and not broken and not facts.ringing:
        return _well(facts)
    return _degraded(facts, causes)


def _stops_scanning(cause: Cause) -> bool:
    # Workers that end again and again may still live long enough to work.
    again = cause.code == "worker_restarts" and cause.weight >= STOPS
    return again or cause.code in _STOP_SCANNING


def ringing(facts: Facts) -> Reason:
    """The alarms that ring, with their subjects."""
    subjects: dict[str, list[str]] = {}
    for alarm in facts.ringing:
        subjects.setdefault(alarm.kind, []).append(alarm.subject)
    alarms = tuple(_alarm(kind, tuple(filter(None, of))) for kind, of in subjects.items())
    return Reason.of("symptom.ringing", alarms=alarms)


def without_cause(facts: Facts) -> Reason:
    """What is wrong if no cause is found: the check that fails, or the alarms that ring.

    An alarm goes on for some seconds after its cause: after a service was unregistered, for one.
    """
    broken = next((check for check in facts.checks.values() if not check.ok), None)
    if broken:
        return Reason.of("symptom.check_fails", name=broken.name, why=broken.reason)
    if facts.ringing:
        return Reason.of("symptom.still_ringing", alarms=ringing(facts).get("alarms"))
    return Reason("symptom.no_cause")


def _alarm(kind: str, subjects: tuple[str, ...]) -> Reason:
    if not subjects:
        return Reason.of("symptom.alarm", kind=kind)
    return Reason.of("symptom.alarm_of", kind=kind, subjects=subjects)


def _unknown() -> Symptom:
    return Symptom(Status.UNKNOWN, 0.0, 0.0, (Reason("symptom.database_silent"),))


def _not_scanned(facts: Facts, snapshot: Snapshot) -> Symptom:
    """The symptom if no scan runs: no number counts the pictures that arrive meanwhile."""
    lease = snapshot.process_leases.get("scan")
    enabled = facts.settings.ai_analysis.enable
    since = lease.done_at if lease and enabled else 0.0
    last = facts.last_success_at
    first = _not_scanned_since(since, facts.now) if enabled else _SWITCHED_OFF
    second = Reason.of(
        "symptom.known_waiting", n=facts.waiting, success=_last_success(last), now=facts.now
    )
    return Symptom(Status.STALLED, since, last, (first, second, KEPT))


def _not_scanned_since(since: float, now: float) -> Reason:
    if not since:
        return Reason("symptom.never_scanned")
    return Reason.of("symptom.not_scanned", since=since, lasted_sec=now - since)


def _last_success(last: float) -> Reason:
    return Reason.of("symptom.last_success", at=last) if last else Reason("symptom.no_success")


def _stalled(facts: Facts) -> Symptom:
    stalled = facts.stalled
    last = max(task_type.last_success_at for task_type in stalled)
    return Symptom(Status.STALLED, since(facts, stalled), last, tuple(standing_lines(facts)))


def _well(facts: Facts) -> Symptom:
    last = facts.last_success_at
    ago_sec = facts.now - last
    lines = (
        Reason.of("symptom.well", now=facts.now),
        Reason.of(
            "symptom.well_counts",
            services=_at_work(facts),
            waiting=facts.waiting,
            success=Reason.of("symptom.success_ago", ago_sec=ago_sec)
            if last
            else Reason("symptom.none_lately"),
        ),
        Reason.of("symptom.checks_pass", number=len(facts.checks), names=tuple(facts.checks)),
    )
    return Symptom(Status.WELL, 0.0, last, lines)


def _at_work(facts: Facts) -> Reason:
    if not (facts.snapshot and facts.snapshot.services):
        return Reason("symptom.no_service_ever")
    usable = sum(service.state in ROUTABLE for service in facts.services)
    return Reason.of("symptom.services_at_work", n=usable, registered=len(facts.services))


def _degraded(facts: Facts, causes: Sequence[Cause]) -> Symptom:
    last = facts.last_success_at
    waiting = Reason.of(
        "symptom.waiting", waiting=facts.waiting, success=_last_success(last), now=facts.now
    )
    return Symptom(Status.DEGRADED, 0.0, last, (_goes_on(facts, causes), waiting))


def _goes_on(facts: Facts, causes: Sequence[Cause]) -> Reason:
    """Whether inference goes on, as far as known."""
    stalls = [alarm for alarm in facts.ringing if alarm.kind == AlarmKind.INFERENCE_STALLED]
    if any(alarm.raised_at > facts.last_success_at for alarm in stalls):
        return Reason("symptom.no_success_since")
    if not stalls and any(cause.weight >= STOPS for cause in causes):
        return Reason("symptom.threatened")
    return Reason("symptom.degraded")
