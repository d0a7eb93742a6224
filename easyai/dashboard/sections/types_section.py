"""The task types: what arrives, what is inferred, what waits, and whether all is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any, Final

from sqlalchemy import Connection

from easyai.dashboard.curves import percentile_ms
from easyai.dashboard.sections.section import REST, Shown
from easyai.dashboard.verdicts import Verdicts
from easyai.db import diagnosis_facts, flow_history, live_rows, statistics
from easyai.db.diagnosis_facts import Waiting
from easyai.db.live_rows import Available
from easyai.db.statistics import Tally
from easyai.diagnosis.contents import Diagnosis
from easyai.diagnosis.stalled_types import type_line
from easyai.diagnosis.symptom import STOPS
from easyai.domain.reason import NO_REASON, Reason
from easyai.health.snapshot import TypeFacts
from easyai.messages.catalogue import text

_SOON_SEC: Final = 10
_MINUTE_SEC: Final = 60
_NOTHING: Final = Waiting()


@dataclass(frozen=True, slots=True)
class _Flow:
    """The frames of a type now."""

    arrived_per_sec: float
    inferred_per_sec: float
    dropped_per_min: float
    waiting: int
    parked: int
    oldest_sec: float | None
    available: Available
    durations: Sequence[int]  # of inferences of the last minute (`BOUNDS_SEC`)


class WaitingFrames:
    """The frames that wait, by state and task type."""

    rest = 200  # a hundred thousand waiting frames take ten milliseconds, which others need more

    def __init__(self) -> None:
        self.newest: Mapping[tuple[str, str], Waiting] = {}

    def read(self, conn: Connection, now: float) -> None:
        """Count every waiting frame."""
        self.newest = diagnosis_facts.waiting(conn)


class TypesSection:
    """Every task type, in order of name."""

    name = "types"
    rest = REST

    def __init__(self, verdicts: Verdicts, waiting: WaitingFrames) -> None:
        self._verdicts = verdicts
        self._waiting = waiting
        self._flows: dict[str, _Flow] = {}

    def read(self, conn: Connection, now: float) -> None:
        """Read sums of the last ten seconds and of the last minute."""
        soon, soon_sec = statistics.recent(conn, now, _SOON_SEC)
        lately, lately_sec = statistics.recent(conn, now, _MINUTE_SEC)
        waiting, available = self._waiting.newest, live_rows.available(conn)
        durations = _durations(conn, now)
        self._flows = {
            row.name: _flow(
                soon.get(row.name) or Tally(),
                soon_sec,
                (lately.get(row.name) or Tally()).dropped * 60 / lately_sec,
                _wait(waiting, row.name, now),
                available.get(row.name, Available()),
                durations.get(row.name, ()),
            )
            for row in diagnosis_facts.types(conn)
        }

    def show(self, language: str) -> Shown:
        """The types; their states are those of the newest diagnosis."""
        diagnosis = self._verdicts.newest
        known = {each.name: each for each in diagnosis.facts.types} if diagnosis else {}
        return Shown(
            [
                _entry(name, flow) | _state(diagnosis, known.get(name), name, flow, language)
                for name, flow in self._flows.items()
            ]
        )


def _wait(
    waiting: Mapping[tuple[str, str], Waiting], name: str, now: float
) -> tuple[int, int, float | None]:
    """The frames that wait, including parked frames; the parked frames; the longest wait."""
    pending = waiting.get(("pending", name), _NOTHING)
    parked = waiting.get(("parked", name), _NOTHING)
    began = [state.since for state in (pending, parked) if state.count and state.since]
    oldest_sec = max(0.0, now - min(began)) if began else None
    return pending.count + parked.count, parked.count, oldest_sec


def _durations(conn: Connection, now: float) -> dict[str, list[int]]:
    """The durations of inferences by type, of the steps that ended within the last minute."""
    found: dict[str, list[int]] = {}
    for row in flow_history.since(conn, statistics.BUCKET_SEC, now - _MINUTE_SEC):
        counts = flow_history.counts_of(row)
        before = found.get(row.task_type)
        found[row.task_type] = list(map(add, before, counts)) if before else counts
    return found


def _flow(
    soon: Tally,
    soon_sec: float,
    dropped_per_min: float,
    wait: tuple[int, int, float | None],
    available: Available,
    durations: Sequence[int],
) -> _Flow:
    arrived, inferred = soon.found / soon_sec, soon.successes / soon_sec
    return _Flow(arrived, inferred, dropped_per_min, *wait, available, durations)


def _entry(name: str, flow: _Flow) -> dict[str, Any]:
    return {
        "name": name,
        "arrived_per_sec": round(flow.arrived_per_sec, 2),
        "inferred_per_sec": round(flow.inferred_per_sec, 2),
        "waiting": flow.waiting,
        "parked": flow.parked,
        "oldest_waiting_sec": None if flow.oldest_sec is None else round(flow.oldest_sec),
        "dropped_per_min": round(flow.dropped_per_min, 1),
        "p50_ms": percentile_ms(flow.durations, 0.5),
        "p99_ms": percentile_ms(flow.durations, 0.99),
        "available": flow.available.able,
        "services": flow.available.registered,
    }


def _state(
    diagnosis: Diagnosis | None,
    task_type: TypeFacts | None,
    name: str,
    flow: _Flow,
    language: str,
) -> dict[str, str]:
    trouble = _diagnosed(diagnosis, task_type) if diagnosis and task_type else None
    state, why = trouble or _seen(name, flow, task_type.leased if task_type else 0)
    return {"state": state, "sentence": text(why, language)}


def _diagnosed(diagnosis: Diagnosis, task_type: TypeFacts) -> tuple[str, Reason] | None:
    """The state of a type that is not well, and why; None when the diagnosis finds nothing."""
    facts, name = diagnosis.facts, task_type.name
    if task_type in facts.stalled:
        return "bad", type_line(facts, task_type)
    # A cause that names no type concerns all; it counts where it stops them.
    causes = [
        cause
        for cause in diagnosis.causes
        if cause.weight >= (1 if name in cause.task_types else STOPS) and cause.concerns((name,))
    ]
    return ("warn", causes[0].title) if causes else None


def _seen(name: str, flow: _Flow, leased: int) -> tuple[str, Reason]:
    """The state of a type by its frames; the newest diagnosis may be older than they are."""
    if flow.waiting and not flow.available.registered:
        return "warn", Reason.of("cause.no_service.of_types", task_types=(name,))
    if flow.parked or flow.dropped_per_min:
        return "warn", NO_REASON
    moves = flow.arrived_per_sec or flow.inferred_per_sec or flow.waiting or leased
    return ("ok" if moves else "idle"), NO_REASON
