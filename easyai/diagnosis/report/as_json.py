"""Writes a diagnosis as JSON: the keys are documented with the API and stay as they are.

Times are Unix seconds, null for never; durations are seconds. All texts are in the same language;
the code and the arguments of a text's reason stand beside it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.contents import Diagnosis
from easyai.diagnosis.report.entries import event
from easyai.diagnosis.symptom import STOPS
from easyai.diagnosis.timeline import Entry
from easyai.health.checks.named_check import CheckResult
from easyai.health.snapshot import AlarmFacts, ServiceFacts, TypeFacts
from easyai.messages.catalogue import ENGLISH, fields, list_fields
from easyai.messages.terms import cause_noted
from easyai.process.database_library import library
from easyai.version import version


def as_json(diagnosis: Diagnosis, language: str = ENGLISH) -> dict[str, Any]:
    """The report as a JSON-ready dict, its texts in a single language."""
    facts, symptom = diagnosis.facts, diagnosis.symptom
    snapshot = facts.snapshot
    return {
        "at": facts.now,
        "status": str(symptom.status),
        **list_fields("symptom", symptom.lines, language),
        "since": symptom.since or None,
        "lasted_sec": round(facts.now - symptom.since, 1) if symptom.since else None,
        "last_success_at": symptom.last_success_at or None,
        "conclusion": diagnosis.cause.code if diagnosis.cause else None,
        "causes": [_cause(cause, language) for cause in diagnosis.causes],
        "task_types": [_task_type(task_type) for task_type in facts.types],
        "services": [
            _service(service, diagnosis, language)
            for service in (snapshot.services if snapshot else ())
        ],
        "timeline": [_entry(entry, language) for entry in diagnosis.timeline],
        "recovered": [_alarm(alarm, facts.now, language) for alarm in diagnosis.recovered],
        "ringing": [_alarm(alarm, facts.now, language) for alarm in diagnosis.ringing],
        "checks": [_check(result, language) for result in diagnosis.checks],
        "store_ignores": list(facts.store_ignores),
        "version": version(),
        "database": asdict(library(facts.settings.easyai.effective_database_url)),
    }


def _cause(cause: Cause, language: str) -> dict[str, Any]:
    return {
        "code": cause.code,
        "stops_inference": cause.weight >= STOPS,
        **fields("text", cause.title, language),
        **list_fields("evidence", cause.evidence, language),
        "remedies": [
            {**fields("text", remedy.text, language, prefix=""), "command": remedy.command or None}
            for remedy in cause.remedies
        ],
    }


def _task_type(task_type: TypeFacts) -> dict[str, Any]:
    return {
        "task_type": task_type.name,
        "pending": task_type.pending,
        "parked": task_type.parked,
        "in_flight": task_type.leased,
        "failed": task_type.failed,
        "oldest_wait_at": task_type.oldest_wait_at or None,
        "last_success_at": task_type.last_success_at or None,
    }


def _service(service: ServiceFacts, diagnosis: Diagnosis, language: str) -> dict[str, Any]:
    probes = diagnosis.facts.probes
    probe = None if probes is None else probes.get(service.pk)
    return {
        "service_id": service.service_id,
        "endpoint": service.endpoint,
        "task_types": list(service.task_types),
        "state": service.state,
        **fields("state_reason", service.state_reason, language),
        "last_heartbeat": service.last_heartbeat or None,
        "last_evidence": service.last_evidence or None,
        "last_success_at": min(service.last_success_at, _inferred_at(service, diagnosis)) or None,
        "last_failure_at": service.last_failure_at or None,
        **fields("last_failure_reason", service.last_failure_reason or None, language),
        "breaker": service.breaker,
        "in_flight": service.in_flight,
        **fields("probe", probe, language),
    }


def _inferred_at(service: ServiceFacts, diagnosis: Diagnosis) -> float:
    """When a frame of its types was last inferred: its own time also counts refusals."""
    types = [
        task_type for task_type in diagnosis.facts.types if task_type.name in service.task_types
    ]
    return max((task_type.last_success_at for task_type in types), default=0.0)


def _entry(entry: Entry, language: str) -> dict[str, Any]:
    return {
        "at": entry.at,
        "until": entry.until,
        "kind": entry.kind,
        "count": entry.count,
        "subjects": sorted(set(entry.subjects)),
        **fields("text", event(entry), language, prefix=""),
    }


def _alarm(alarm: AlarmFacts, now: float, language: str) -> dict[str, Any]:
    return {
        "kind": alarm.kind,
        "subject": alarm.subject,
        "cause": cause_noted(alarm.cause),
        **fields("text", alarm.cause, language, prefix=""),
        "began_at": alarm.began_at,
        "raised_at": alarm.raised_at,
        "over_at": alarm.over_at,
        "lasted_sec": round(alarm.lasted_sec(now), 1),
    }


def _check(result: CheckResult, language: str) -> dict[str, Any]:
    return {
        "name": result.name,
        "ok": result.ok,
        **fields("reason", result.reason, language),
        "elapsed_ms": result.elapsed_ms,
    }
