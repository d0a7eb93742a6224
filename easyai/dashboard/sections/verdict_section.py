"""The verdict: the summary of the diagnosis, its most likely cause, and what to do."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Final

from sqlalchemy import Connection

from easyai.dashboard.sections.section import Shown
from easyai.dashboard.verdicts import Verdicts
from easyai.diagnosis.contents import Diagnosis
from easyai.diagnosis.symptom import Status
from easyai.messages.catalogue import text

_STATES: Final = {
    Status.WELL: "ok",
    Status.DEGRADED: "warn",
    Status.STALLED: "bad",
    Status.UNKNOWN: "idle",
}
#: How long who looks first waits for the diagnosis, rather than for the next tick.
_FIRST_SEC: Final = 0.5


class VerdictSection:
    """The newest diagnosis in a few words."""

    name = "verdict"
    rest = 0  # nothing is read

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._begun: Future[None] | None = None

    def read(self, conn: Connection, now: float) -> None:
        """Have a diagnosis made when the newest is old; it has a thread of its own."""
        self._begun = self._verdicts.refresh()

    def show(self, language: str) -> Shown:
        """The verdict; null before the first diagnosis."""
        if self._begun and self._verdicts.newest is None:
            wait((self._begun,), _FIRST_SEC)
        diagnosis = self._verdicts.newest
        if diagnosis is None:
            return Shown(None)
        symptom, cause = diagnosis.symptom, diagnosis.cause
        remedy = next(iter(cause.remedies), None) if cause else None
        whole = {
            "state": "idle" if _is_idle(diagnosis) else _STATES[symptom.status],
            "sentence": text(symptom.lines[0], language),
            "reason": text(diagnosis.why, language),
            "action": text(remedy.text, language) if remedy else "",
            "command": remedy.command if remedy else "",
            "since": symptom.since or None,
            "waiting": diagnosis.facts.waiting if diagnosis.facts.snapshot else None,
        }
        return Shown(whole)


def _is_idle(diagnosis: Diagnosis) -> bool:
    """Whether all is well because there is nothing to do yet."""
    facts = diagnosis.facts
    return diagnosis.well and not facts.last_success_at and not facts.waiting
