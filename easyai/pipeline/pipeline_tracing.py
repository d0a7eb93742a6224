"""Connects the pipeline to the process's tracing, which is None unless OTEL_ variables ask."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from easyai.db import installation, journeys
from easyai.db.session import Database
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.pipeline.settle import Settled
from easyai.runtime import Runtime
from easyai.tracing.journey import Attempt, Publication, Transaction
from easyai.tracing.span_recorder import Tracing
from easyai.tracing.variables import problem, wanted

if TYPE_CHECKING:
    from easyai.domain.fate import Fate
    from easyai.pipeline.answers import Answered
    from easyai.tracing.journey import Call

log = logging.getLogger(__name__)


def tracing_of(runtime: Runtime) -> Tracing | None:
    """Tracing as the OTEL_ variables configure it; a problem is logged in a single line."""
    why = problem()
    if why:
        log.warning("%s", text(Reason.of("warning.no_traces", why=why)))
    return Tracing(_Ledger(runtime.db)) if wanted() and not why else None


class _Ledger:
    """The queries that tracing makes to the database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def installation_id(self) -> str:
        """The id of this installation."""
        with self._db.read() as conn:
            return installation.installation_id(conn)

    def times(self, frame_ids: Sequence[int]) -> Mapping[int, tuple[float, float]]:
        """When frames were captured and found."""
        with self._db.read() as conn:
            return journeys.times(conn, frame_ids)

    def frames(self, alert_ids: Sequence[int]) -> Mapping[int, int]:
        """The frames of alerts."""
        with self._db.read() as conn:
            return journeys.frames(conn, alert_ids)

    def now(self) -> float:
        """The database's time, as estimated."""
        return self._db.estimated_now()


def note_transaction(tracing: Tracing, settled: Settled, leased: int, took_sec: float) -> None:
    """Pass a transaction to tracing, if it has settled frames that are traced."""
    traced = [
        _attempt(answer, fate, answer.call)
        for answer, fate in settled.fates
        if answer.call is not None
    ]
    now = tracing.now if traced else None
    if now is not None:
        tracing.note(Transaction(now - took_sec, now, len(settled.fates), leased, traced))


def note_publication(runtime: Runtime, alert_ids: Sequence[int], took_sec: float) -> None:
    """Pass alerts that the bus has acknowledged to tracing."""
    tracing = runtime.part(tracing_of)
    if tracing is None:
        return
    analysis, now = runtime.settings.ai_analysis, tracing.now
    if now is None:
        return
    ids = tuple(alert_ids)
    tracing.note(Publication(now - took_sec, now, ids, analysis.mq_type, analysis.mq_topic))


def _attempt(answer: Answered, fate: Fate, call: Call) -> Attempt:
    frame = answer.frame
    return Attempt(
        frame.id,
        frame.key,
        frame.task_type,
        frame.task_id,
        answer.endpoint.service_id,
        frame.last_failure_at,
        frame.tries,
        str(fate.state),
        str(fate.outcome or ""),
        text(answer.verdict.reason),
        call,
    )
