"""All facts from which causes are derived, gathered once and frozen.

Times are Unix seconds, 0 for never. The facts of the database are None when it does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from easyai.domain.alarm import AlarmKind
from easyai.domain.breaker import LONGEST_PAUSE_SEC
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import (
    AWAY,
    NO_ANSWER,
    PROBE_FAILED,
    ROUTABLE,
    ServiceState,
    moved_to,
)
from easyai.health.checks.named_check import CheckResult
from easyai.health.failing import FEWEST, only_fails, rings
from easyai.health.snapshot import (
    HOUR_SEC,
    RECENT_SEC,
    AlarmFacts,
    ServiceFacts,
    Snapshot,
    TypeFacts,
)
from easyai.settings.schema import Settings

_OK: Final = CheckResult("")
_LATELY_SEC: Final = 300.0  # an older failure without a later call is no evidence for now
_QUIET_SEC: Final = 20.0  # the time of the last success is known to within ten seconds


@dataclass(frozen=True)  # no slots: cached_property needs a __dict__
class Facts:
    """What is known now."""

    now: float
    settings: Settings
    checks: Mapping[str, CheckResult]  # by name
    snapshot: Snapshot | None = None  # the facts of the database
    #: By service pk, why the probe failed; no reason: it was answered. None: nothing was probed.
    probes: Mapping[int, Reason] | None = None
    store_ignores: tuple[str, ...] = ()  # request conditions that the object store ignores
    own_api: Reason | None = None  # no reason: our API answers; else why not; None: not probed

    def failed(self, name: str) -> Reason:
        """Why a check failed; no reason when it passed or was not made."""
        return self.checks.get(name, _OK).reason

    @cached_property
    def services(self) -> tuple[ServiceFacts, ...]:
        """The services that are expected to work: not unregistered by request, nor moved away."""
        services = self.snapshot.services if self.snapshot else ()
        return tuple(
            service
            for service in services
            if service.state != ServiceState.UNREGISTERED and not self.moved_to(service)
        )

    @cached_property
    def moved(self) -> tuple[ServiceFacts, ...]:
        """The endpoints whose services have moved to another endpoint."""
        services = self.snapshot.services if self.snapshot else ()
        return tuple(service for service in services if self.moved_to(service))

    def moved_to(self, service: ServiceFacts) -> str:
        """The endpoint to which the service of a lost endpoint moved; '' if it did not move."""
        new = moved_to(service.state_reason) if service.state in AWAY else ""
        services = self.snapshot.services if new and self.snapshot else ()
        further = {
            row.endpoint: moved_to(row.state_reason)
            for row in services
            if row.service_id == service.service_id and row.state in AWAY
        }
        passed = {service.endpoint, new}
        # The service may have moved again.
        while (then := further.get(new, "")) and then not in passed:
            passed.add(new := then)
        return new

    @property
    def types(self) -> tuple[TypeFacts, ...]:
        """Every task type ever seen."""
        return self.snapshot.types if self.snapshot else ()

    @property
    def waiting(self) -> int:
        """Frames that wait for inference, including parked frames."""
        return sum(task_type.waiting for task_type in self.types)

    @cached_property
    def last_success_at(self) -> float:
        """When a frame of any type was last inferred."""
        return max((task_type.last_success_at for task_type in self.types), default=0.0)

    def is_silent(self, service: ServiceFacts) -> bool:
        """Whether a service's heartbeats are missing."""
        allowed_sec = service.heartbeat_timeout_sec
        # The absolute age: a heartbeat from the future (the clock was set back) does not count.
        return abs(self.now - service.last_heartbeat) > allowed_sec

    def pace_sec(self, service: ServiceFacts) -> float:
        """The seconds between its heartbeats, if that is too long for its timeout; else 0.

        A service that has been silent for two of its intervals has no pace any more.
        """
        sent = self.snapshot.paces.get(service.endpoint, 0.0) if self.snapshot else 0.0
        keeps_it = abs(self.now - service.last_heartbeat) <= 2 * sent
        return sent if keeps_it and sent > service.heartbeat_timeout_sec else 0.0

    def probe(self, service: ServiceFacts) -> Reason | None:
        """No reason when the service answers a probe, else why it does not; None: not known.

        A probe made now decides. Without it, the sweep's last probe and other evidence decide.
        """
        if self.probes is not None and service.pk in self.probes:
            return self.probes[service.pk]
        if service.probe_failures:
            return service.state_reason or Reason("probe.none")
        lives = abs(self.now - service.last_evidence) <= service.heartbeat_timeout_sec
        return NO_REASON if lives and service.state in ROUTABLE else None

    def was_probed(self, service: ServiceFacts) -> bool:
        """Whether the service was probed now."""
        return self.probes is not None and service.pk in self.probes

    def is_failing(self, service: ServiceFacts) -> bool:
        """Whether its last call failed, and lately enough to count.

        With a half-open breaker the failure counts no longer than the longest pause. After that,
        the service gets no trial call for lack of frames, and its state is not known.
        """
        limit_sec = LONGEST_PAUSE_SEC if service.breaker == "half-open" else _LATELY_SEC
        lately = self.now - service.last_failure_at <= limit_sec
        return lately and service.last_failure_at > service.last_success_at

    def is_busy(self, service: ServiceFacts) -> bool:
        """Whether a service does not answer a probe because it works on frames.

        It accepted the connection, and its calls succeed: common servers handle a single request
        at a time.
        """
        if not self.answers_nothing(service):
            return False
        lately = abs(self.now - service.last_success_at) <= service.heartbeat_timeout_sec
        return lately and service.last_success_at > service.last_failure_at

    def is_quiet(self, task_type: TypeFacts) -> bool:
        """Whether no frame of a type has succeeded for a while; true earlier than `is_stalled`."""
        return self.now - task_type.last_success_at >= _QUIET_SEC

    def answers_nothing(self, service: ServiceFacts) -> bool:
        """Whether the service accepted a probe's connection and sent no answer."""
        why = self.probe(service) or NO_REASON
        answer = why.inner("answer") if why.code == PROBE_FAILED else why
        return answer.code == NO_ANSWER

    @cached_property
    def ringing(self) -> tuple[AlarmFacts, ...]:
        """The alarms that ring."""
        alarms = self.snapshot.alarms if self.snapshot else ()
        return tuple(alarm for alarm in alarms if alarm.over_at is None)

    @cached_property
    def _heartbeat_alarms(self) -> frozenset[str]:
        return frozenset(
            alarm.subject for alarm in self.ringing if alarm.kind == AlarmKind.HEARTBEATS_MISSING
        )

    def has_heartbeat_alarm(self, service: ServiceFacts) -> bool:
        """Whether an alarm rings because heartbeats of this service are missing."""
        return not self._heartbeat_alarms.isdisjoint(("", service.endpoint))

    def only_fails(self, task_type: TypeFacts) -> bool:
        """Whether frames of a type fail and none succeeds, even if no frame waits now."""
        return only_fails(task_type, self.ringing, self.now, self.last_success_at)

    def is_refused(self, task_type: TypeFacts) -> bool:
        """Whether frames of a type are held, and services have lately sent only refusals."""
        if not (task_type.pending or task_type.leased):
            return False
        failures, refusals = task_type.failures, task_type.refusals
        newest_at = max(failures.newest_at, refusals.newest_at)
        number = failures.count + refusals.count
        limit_sec = self.settings.ai_analysis.stall_alarm_sec
        if not number or self.now - newest_at > RECENT_SEC:
            return False
        if self.now - task_type.last_success_at < limit_sec:
            return False
        enough = number >= FEWEST or self.is_stalled(task_type)
        return enough and any(
            task_type.name in service.task_types and self._answers(service)
            for service in self.services
        )

    def _answers(self, service: ServiceFacts) -> bool:
        answers = not self.probe(service) or self.is_busy(service)
        return answers and service.state in ROUTABLE and not self.is_failing(service)

    def owes_failed(self, task_type: TypeFacts) -> bool:
        """Whether failed frames of a type are part of its standstill, besides waiting frames."""
        if not task_type.failures.count:
            return False
        return (
            self.only_fails(task_type)
            or self.is_refused(task_type)
            or bool(self._standstill_alarms(task_type))
        )

    def stands_since(self, task_type: TypeFacts) -> float:
        """Since when frames of a type wait or fail without a success; now if no frame does."""
        began = [at for at in (task_type.oldest_wait_at, task_type.oldest_lease_at) if at]
        if self.only_fails(task_type):
            failed_at, last = task_type.failures.first_at, task_type.last_success_at
            # Without a last success as a bound, a frame that failed weeks ago is no start time.
            began.append(failed_at if last else max(failed_at, self.now - HOUR_SEC))
        return max(min(began, default=self.now), task_type.last_success_at)

    def is_stalled(self, task_type: TypeFacts) -> bool:
        """Whether frames of a type wait or fail without a success for the stall alarm's time."""
        limit = self.settings.ai_analysis.stall_sec(task_type.name)
        return self.now - self.stands_since(task_type) >= limit

    @cached_property
    def stalled(self) -> tuple[TypeFacts, ...]:
        """The task types that stand still, including types with a ringing standstill alarm."""
        return tuple(
            task_type
            for task_type in self.types
            if self.is_stalled(task_type) or self._standstill_alarms(task_type)
        )

    def stalled_since(self, task_type: TypeFacts) -> float:
        """Since when a type stands still: `stands_since`, or when its alarm began, if earlier.

        Frames that fail within seconds wait only for seconds. The watchdog's alarm knows how long
        the failures have gone on.
        """
        began = [alarm.began_at for alarm in self._standstill_alarms(task_type)]
        since = min([*began, self.stands_since(task_type)])
        return max(since, task_type.last_success_at)

    def _standstill_alarms(self, task_type: TypeFacts) -> list[AlarmFacts]:
        """The standstill alarms that ring for a type whose frames wait or have failed."""
        held, failed_at = task_type.waiting or task_type.leased, task_type.failures.newest_at
        return [
            alarm
            for alarm in self.ringing
            if rings(alarm, task_type) and (held or failed_at >= alarm.began_at)
        ]
