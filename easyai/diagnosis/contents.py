"""The content of the incident report: symptom, causes, timeline, ended alarms, checks."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from easyai.diagnosis import timeline
from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.causes.dependency_causes import NO_DATABASE
from easyai.diagnosis.causes.rank import rank
from easyai.diagnosis.symptom import Status, Symptom, symptom, without_cause
from easyai.diagnosis.timeline import Entry
from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import DatabaseUnavailableError
from easyai.health.checks.dependencies import dependency_checks
from easyai.health.checks.named_check import Check, CheckResult, CheckRunner
from easyai.health.facts import Facts
from easyai.health.gather import gather
from easyai.health.snapshot import AlarmFacts
from easyai.runtime import Runtime
from easyai.settings.schema import Settings

log = logging.getLogger(__name__)

__all__ = ["Diagnosis", "Status", "diagnose", "without_database"]

_MOST_ENTRIES: Final = 40


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The content of the report."""

    facts: Facts
    symptom: Symptom
    causes: tuple[Cause, ...]  # most likely first, with the remarks
    timeline: tuple[Entry, ...]
    recovered: tuple[AlarmFacts, ...]  # alarms that ended within the last day, newest first
    ringing: tuple[AlarmFacts, ...]  # alarms that ring now

    @property
    def well(self) -> bool:
        """Whether nothing is wrong now."""
        return self.symptom.status is Status.WELL

    @property
    def cause(self) -> Cause | None:
        """The most likely cause; None if there are only remarks."""
        return next(iter(self.root_causes), None)

    @property
    def root_causes(self) -> tuple[Cause, ...]:
        """The causes of what is wrong, most likely first."""
        return tuple(cause for cause in self.causes if not cause.is_remark)

    @property
    def remarks(self) -> tuple[Cause, ...]:
        """What may be done though all is well beside it."""
        return tuple(cause for cause in self.causes if cause.is_remark)

    @property
    def why(self) -> Reason:
        """What is wrong, in a line; no reason when all is well."""
        if self.well:
            return NO_REASON
        return self.cause.title if self.cause else without_cause(self.facts)

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """Every check, in the order it was made."""
        return tuple(self.facts.checks.values())


def diagnose(
    runtime: Runtime, *others: Check, probes: bool = True, for_clients: bool = False
) -> Diagnosis:
    """Gather all facts and draw conclusions; never raises when a part does not work.

    `others` are checks that this package cannot make: the check of the broker. With `probes` every
    service is probed now. The call takes a second, and up to 10 s when something hangs.
    `for_clients` leaves out drivers' messages, which may name hosts and users.
    """
    results = _checked(runtime, others)
    if for_clients:
        results = [result.for_clients for result in results]
    return with_timeline(runtime, gather(runtime, results, ask=probes))


def with_timeline(runtime: Runtime, facts: Facts) -> Diagnosis:
    """The diagnosis that follows from facts of this moment; never raises without a database."""
    return concluded(facts, _entries(runtime, facts))


def brief(runtime: Runtime, *others: Check) -> Diagnosis:
    """A diagnosis without probes and timeline, without drivers' messages; for a page that is open.

    Never raises when a part does not work. Failed frames are counted up to a limit.
    """
    results = [result.for_clients for result in _checked(runtime, others)]
    return concluded(gather(runtime, results, exact=False))


def without_database(
    settings: Settings, path: str, settings_fault: Reason = NO_REASON
) -> Diagnosis:
    """The diagnosis if the database file does not exist: nothing else is examined."""
    checks = [CheckResult("database", Reason.of(NO_DATABASE, path=path))]
    if settings_fault:
        checks.append(CheckResult("settings", settings_fault))
    return concluded(Facts(time.time(), settings, {check.name: check for check in checks}))


def concluded(facts: Facts, entries: Sequence[Entry] = ()) -> Diagnosis:
    """The diagnosis that follows from the facts."""
    causes = tuple(rank(facts))
    alarms = facts.snapshot.alarms if facts.snapshot else ()
    over = [alarm for alarm in alarms if alarm.over_at is not None]
    return Diagnosis(
        facts,
        symptom(facts, causes),
        causes,
        tuple(entries),
        tuple(sorted(over, key=lambda alarm: -(alarm.over_at or 0.0))),
        tuple(alarm for alarm in alarms if alarm.over_at is None),
    )


def _checked(runtime: Runtime, others: Sequence[Check]) -> list[CheckResult]:
    runner = runtime.part(CheckRunner)
    return runner.run(dependency_checks(runtime, *others))


def _entries(runtime: Runtime, facts: Facts) -> list[Entry]:
    if facts.snapshot is None:
        return []
    moment = timeline.moment_of_interest(facts)
    try:
        with runtime.db.read() as conn:
            entries = timeline.around(conn, moment, facts.now)
    except (DatabaseUnavailableError, SQLAlchemyError) as error:
        log.debug("no timeline: %s", error)
        return []
    return timeline.newest(entries, moment, _MOST_ENTRIES)
