"""Writes a diagnosis as JSON: the keys are documented with the API and stay as they are.

Times are Unix seconds and null for never, durations seconds.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from easyai.db.library import library
from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.diagnosis import Diagnosis
from easyai.diagnosis.report.entries import text
from easyai.diagnosis.symptom import STOPS
from easyai.diagnosis.timeline import Entry
from easyai.domain.words import Language
from easyai.health.checks.check import CheckResult
from easyai.health.snapshot import AlarmFacts, ServiceFacts, TypeFacts
from easyai.messages.bridge import words
from easyai.messages.names import cause_name
from easyai.messages.reasons import reason
from easyai.version import version


def as_json(diagnosis: Diagnosis, language: Language = "en") -> dict[str, Any]:
    """The report as a JSON-ready dict, its texts in one language."""
    facts, symptom = diagnosis.facts, diagnosis.symptom
    known = facts.known
    return {
        "at": facts.now,
        "status": str(symptom.status),
        "symptom": [line.said(language) for line in symptom.lines],
        "since": symptom.since or None,
        "lasted_sec": round(facts.now - symptom.since, 1) if symptom.since else None,
        "last_success_at": symptom.last_success_at or None,
        "conclusion": diagnosis.causes[0].code if diagnosis.causes else None,
        "causes": [_cause(cause, language) for cause in diagnosis.causes],
        "task_types": [_task_type(one) for one in facts.types],
        "services": [
            _service(one, diagnosis, language) for one in (known.services if known else ())
        ],
        "timeline": [_entry(entry, diagnosis, language) for entry in diagnosis.timeline],
        "recovered": [_alarm(one, facts.now, language) for one in diagnosis.recovered],
        "ringing": [_alarm(one, facts.now, language) for one in diagnosis.ringing],
        "checks": [_check(result, language) for result in diagnosis.checks],
        "store_ignores": list(facts.store_ignores),
        "version": version(),
        "database": asdict(library(facts.settings.easyai.effective_database_url)),
    }


def _cause(cause: Cause, language: Language) -> dict[str, Any]:
    return {
        "code": cause.code,
        "stops_inference": cause.weight >= STOPS,
        "text": cause.words.said(language),
        "evidence": [one.said(language) for one in cause.evidence],
        "remedies": [
            {"text": remedy.words.said(language), "command": remedy.command or None}
            for remedy in cause.remedies
        ],
    }


def _task_type(one: TypeFacts) -> dict[str, Any]:
    return {
        "task_type": one.name,
        "pending": one.pending,
        "parked": one.parked,
        "in_flight": one.leased,
        "failed": one.failed,
        "oldest_wait_at": one.oldest_wait_at or None,
        "last_success_at": one.last_success_at or None,
    }


def _service(one: ServiceFacts, diagnosis: Diagnosis, language: Language) -> dict[str, Any]:
    probes = diagnosis.facts.probes
    probe = None if probes is None else probes.get(one.pk)
    return {
        "service_id": one.service_id,
        "endpoint": one.endpoint,
        "task_types": list(one.task_types),
        "state": one.state,
        "state_reason": reason(one.state_reason).said(language),
        "last_heartbeat": one.last_heartbeat or None,
        "last_evidence": one.last_evidence or None,
        "last_success_at": min(one.last_success_at, _inferred_at(one, diagnosis)) or None,
        "last_failure_at": one.last_failure_at or None,
        "last_failure_reason": words(one.last_failure_reason).said(language) or None,
        "breaker": one.breaker,
        "in_flight": one.in_flight,
        "probe": None if probe is None else reason(probe).said(language),
    }


def _inferred_at(one: ServiceFacts, diagnosis: Diagnosis) -> float:
    """When a frame of its types was inferred last: its own time counts refusals, too."""
    types = [found for found in diagnosis.facts.types if found.name in one.task_types]
    return max((found.last_success_at for found in types), default=0.0)


def _entry(entry: Entry, diagnosis: Diagnosis, language: Language) -> dict[str, Any]:
    return {
        "at": entry.at,
        "until": entry.until,
        "kind": entry.kind,
        "count": entry.count,
        "subjects": sorted(set(entry.subjects)),
        "text": text(entry, diagnosis.facts).said(language),
    }


def _alarm(alarm: AlarmFacts, now: float, language: Language) -> dict[str, Any]:
    return {
        "kind": alarm.kind,
        "subject": alarm.subject,
        "cause": alarm.cause,
        "text": cause_name(alarm.cause).said(language),
        "began_at": alarm.began_at,
        "raised_at": alarm.raised_at,
        "over_at": alarm.over_at,
        "lasted_sec": round(alarm.lasted_sec(now), 1),
    }


def _check(result: CheckResult, language: Language) -> dict[str, Any]:
    return {
        "name": result.name,
        "ok": result.ok,
        "reason": result.words.said(language),
        "elapsed_ms": result.elapsed_ms,
    }
