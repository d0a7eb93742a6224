"""Everything that a cause is told by, gathered once and frozen.

Times are Unix seconds, 0 for never. What stands in the database is None when it does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from easyai.domain.alarm import Kind
from easyai.domain.breaker import LONGEST_PAUSE_SEC
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import NO_ANSWER, PROBE_FAILED, ROUTABLE, ServiceState, moved_to
from easyai.health.checks.check import CheckResult
from easyai.health.failing import FEWEST, only_fails, rings
from easyai.health.snapshot import HOUR_SEC, RECENT_SEC, AlarmFacts, Known, ServiceFacts, TypeFacts
from easyai.settings.schema import Settings

_OK: Final = CheckResult("")
_LATELY_SEC: Final = 300.0  # a failure that nothing was tried after tells little of now
_QUIET_SEC: Final = 20.0  # the time of a last success is known to ten


@dataclass(frozen=True)  # no slots: what is asked for again and again is kept
class Facts:
    """What is known now."""

    now: float
    settings: Settings
    checks: Mapping[str, CheckResult]  # by name
    known: Known | None = None  # what the database tells
    #: By service pk, why a probe failed; no reason: it was answered. None: no service was probed.
    probes: Mapping[int, Reason] | None = None
    store_ignores: tuple[str, ...] = ()  # conditions that the object store does not keep to
    own_api: Reason | None = None  # no reason: our API answers, else why not; None: not asked

    def failed(self, name: str) -> Reason:
        """Why a check does not work; no reason when it does or was not made."""
        return self.checks.get(name, _OK).reason

    @cached_property
    def services(self) -> tuple[ServiceFacts, ...]:
        """The services that are expected to work: not unregistered by request, nor moved away."""
        known_services = self.known.services if self.known else ()
        return tuple(
            service
            for service in known_services
            if service.state != ServiceState.UNREGISTERED and not self.moved_to(service)
        )

    @cached_property
    def moved(self) -> tuple[ServiceFacts, ...]:
        """The offline endpoints that their services have left for another one."""
        known_services = self.known.services if self.known else ()
        return tuple(service for service in known_services if self.moved_to(service))

    def moved_to(self, service: ServiceFacts) -> str:
        """The endpoint that the service of an offline one registered at since; '' for none."""
        new = moved_to(service.state_reason) if service.state == ServiceState.OFFLINE else ""
        known = self.known.services if new and self.known else ()
        newest = ""
        passed = {service.endpoint}
        while new and new not in passed:
            # It may have moved on since.
            passed.add(new)
            there = [
                row
                for row in known
                if (row.endpoint, row.service_id) == (new, service.service_id)
                and row.state != ServiceState.UNREGISTERED
            ]
            newest = new if there else newest
            new = moved_to(there[0].state_reason) if there else ""
        return newest

    @property
    def types(self) -> tuple[TypeFacts, ...]:
        """Every task type ever seen."""
        return self.known.types if self.known else ()

    @property
    def waiting(self) -> int:
        """Frames that wait for inference, parked ones included."""
        return sum(task_type.waiting for task_type in self.types)

    @cached_property
    def last_success_at(self) -> float:
        """When a frame was inferred last."""
        return max((task_type.last_success_at for task_type in self.types), default=0.0)

    def is_silent(self, service: ServiceFacts) -> bool:
        """Whether a service's heartbeats are missing."""
        allowed_sec = service.heartbeat_timeout_sec
        # The absolute age: after the clock was set back, a heartbeat from the future is none.
        return abs(self.now - service.last_heartbeat) > allowed_sec

    def pace_sec(self, service: ServiceFacts) -> float:
        """How often it sends heartbeats, where that is too rare for its timeout; else 0.

        One that has fallen silent for two of its pauses has no pace any more.
        """
        sent = self.known.paces.get(service.endpoint, 0.0) if self.known else 0.0
        keeps_it = abs(self.now - service.last_heartbeat) <= 2 * sent
        return sent if keeps_it and sent > service.heartbeat_timeout_sec else 0.0

    def probe(self, service: ServiceFacts) -> Reason | None:
        """No reason when the service answers a probe, else why it does not; None: not known.

        Of the probe made now if one was, else what the sweep's last one and other evidence tell.
        """
        if self.probes is not None and service.pk in self.probes:
            return self.probes[service.pk]
        if service.probe_failures:
            return service.state_reason or Reason("probe.none")
        lives = abs(self.now - service.last_evidence) <= service.heartbeat_timeout_sec
        return NO_REASON if lives and service.state in ROUTABLE else None

    def was_probed(self, service: ServiceFacts) -> bool:
        """Whether a probe of a service was made now."""
        return self.probes is not None and service.pk in self.probes

    def is_failing(self, service: ServiceFacts) -> bool:
        """Whether its last call failed, too lately for a breaker that waits for a trial to matter.

        One that is half-open for longer is not tried for lack of frames: nothing is known of it.
        """
        limit_sec = LONGEST_PAUSE_SEC if service.breaker == "half-open" else _LATELY_SEC
        lately = self.now - service.last_failure_at <= limit_sec
        return lately and service.last_failure_at > service.last_success_at

    def is_busy(self, service: ServiceFacts) -> bool:
        """Whether a service has no answer for a probe since it works on frames.

        It took the connection, and its calls succeed: common servers do one thing at a time.
        """
        if not self.answers_nothing(service):
            return False
        lately = abs(self.now - service.last_success_at) <= service.heartbeat_timeout_sec
        return lately and service.last_success_at > service.last_failure_at

    def is_quiet(self, task_type: TypeFacts) -> bool:
        """Whether nothing of a type has succeeded for a while; sooner than it counts as stalled."""
        return self.now - task_type.last_success_at >= _QUIET_SEC

    def answers_nothing(self, service: ServiceFacts) -> bool:
        """Whether a probe's connection was taken, and no answer came."""
        why = self.probe(service) or NO_REASON
        answer = why.inner("answer") if why.code == PROBE_FAILED else why
        return answer.code == NO_ANSWER

    @cached_property
    def ringing(self) -> tuple[AlarmFacts, ...]:
        """The alarms that ring."""
        alarms = self.known.alarms if self.known else ()
        return tuple(alarm for alarm in alarms if alarm.over_at is None)

    @cached_property
    def _told_unheard(self) -> frozenset[str]:
        return frozenset(
            alarm.subject for alarm in self.ringing if alarm.kind == Kind.HEARTBEATS_MISSING
        )

    def tells_unheard(self, service: ServiceFacts) -> bool:
        """Whether an alarm rings since heartbeats of a service are missing."""
        return not self._told_unheard.isdisjoint(("", service.endpoint))

    def only_fails(self, task_type: TypeFacts) -> bool:
        """Whether frames of a type end failed and none succeeds, though none may wait now."""
        return only_fails(task_type, self.ringing, self.now, self.last_success_at)

    def is_refused(self, task_type: TypeFacts) -> bool:
        """Whether frames of a type are held, and all that services answered lately are refusals."""
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
        """Whether what failed of a type is part of its standstill, besides what waits."""
        if not task_type.failures.count:
            return False
        return (
            self.only_fails(task_type) or self.is_refused(task_type) or bool(self._told(task_type))
        )

    def stands_since(self, task_type: TypeFacts) -> float:
        """Since when frames of a type wait, or fail, without a success; now when none does."""
        began = [at for at in (task_type.oldest_wait_at, task_type.oldest_lease_at) if at]
        if self.only_fails(task_type):
            failed_at, last = task_type.failures.first_at, task_type.last_success_at
            # A success bounds it; without one a frame that failed weeks ago dates nothing.
            began.append(failed_at if last else max(failed_at, self.now - HOUR_SEC))
        return max(min(began, default=self.now), task_type.last_success_at)

    def is_stalled(self, task_type: TypeFacts) -> bool:
        """Whether frames of a type wait or fail and none has succeeded for the alarm's time."""
        limit = self.settings.ai_analysis.stall_sec(task_type.name)
        return self.now - self.stands_since(task_type) >= limit

    @cached_property
    def stalled(self) -> tuple[TypeFacts, ...]:
        """The task types that stand still, those of which an alarm says so among them."""
        return tuple(
            task_type
            for task_type in self.types
            if self.is_stalled(task_type) or self._told(task_type)
        )

    def stalled_since(self, task_type: TypeFacts) -> float:
        """`stands_since` of a type that stands still, as its alarm tells it where that is longer.

        Frames that fail within seconds wait for seconds: the watchdog sees that they never cease.
        """
        began = [alarm.began_at for alarm in self._told(task_type)]
        since = min([*began, self.stands_since(task_type)])
        return max(since, task_type.last_success_at)

    def _told(self, task_type: TypeFacts) -> list[AlarmFacts]:
        """The alarms that ring since a type stands still; frames of it wait or have failed."""
        held, failed_at = task_type.waiting or task_type.leased, task_type.failures.newest_at
        return [
            alarm
            for alarm in self.ringing
            if rings(alarm, task_type) and (held or failed_at >= alarm.began_at)
        ]
