"""Settle: a transaction that turns answers into fates, alerts, statistics and evidence."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from easyai.db import alerts, ledger, picture_deletions, services
from easyai.db.called_service import CalledService
from easyai.db.statistics import Tally
from easyai.domain.fate import Fate, alert_key, decide, failed_key, is_nested, unique_key
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.outcome_totals import Totals
from easyai.domain.verdict import CallResult, Verdict
from easyai.errors import ConflictError
from easyai.messages.catalogue import text
from easyai.pipeline import evidence, time_outs
from easyai.pipeline.answers import (
    NO_PICTURE,
    Answered,
    alert_row,
    finished_row,
    move,
    returned_row,
)
from easyai.pipeline.evidence import Evidence
from easyai.pipeline.picture_moves import PictureMove
from easyai.settings.schema import AiAnalysis

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OfType:
    """Counts of a settle transaction for a task type."""

    finished: int = 0
    alerts: int = 0
    returned: int = 0
    late: int = 0
    failed: int = 0  # part of `finished`
    tally: Tally = field(default_factory=Tally)  # for the caller to add at the transaction's end


@dataclass(slots=True)
class Settled:
    """The result of a settle transaction."""

    at: float = 0.0  # `settled_at` of its frames, Unix seconds; 0: it has none
    moves: list[PictureMove] = field(default_factory=list)  # pictures to move or delete now
    finished: int = 0
    alerts: int = 0
    returned: int = 0  # back to pending
    late: int = 0  # results of leases that were no longer held
    types: dict[str, OfType] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)  # for the caller to add, like the tallies
    evidence: Evidence = field(default_factory=Evidence)
    fates: Sequence[tuple[Answered, Fate]] = ()


def settle(
    conn: Connection,
    analysis: AiAnalysis,
    answered: Sequence[Answered],
    now: float,
    *,
    careful: bool = False,
    moves_keep_versions: bool = True,
) -> Settled:
    """Settle a group of answers; an answer whose lease was lost is ignored.

    Nearly always all leases are still held and no picture name is taken, so by default neither is
    checked beforehand. If a lease was lost or a name is taken, this raises ConflictError or
    IntegrityError. Then roll back and settle again with `careful`, which checks first.
    `moves_keep_versions`: a picture keeps its version when this store moves it.
    """
    settled = Settled(now)
    valid = list(answered)
    if careful:
        held = ledger.still_held(conn, _ids_by_token(answered))
        valid = [
            answer for answer in answered if (answer.frame.id, answer.frame.lease_token) in held
        ]
        settled.late = len(answered) - len(valid)
        for answer in answered:
            if (answer.frame.id, answer.frame.lease_token) not in held:
                settled.types.setdefault(answer.frame.task_type, OfType()).late += 1
    if not valid:
        return settled
    valid.sort(key=lambda answer: answer.frame.id)  # rows are locked in this order everywhere
    rows, steady = _lock_services(conn, valid)
    calls = [(answer.frame, answer.verdict) for answer in valid]
    if faulty := time_outs.of_frames(conn, calls, rows, now):
        valid = [_at_fault(answer) if answer.frame.id in faulty else answer for answer in valid]
    fates = [
        (answer, _fate(answer, analysis, rows.get(answer.frame.service_pk))) for answer in valid
    ]
    targets = _targets(conn, analysis, fates, careful)
    saved = _write_frames(conn, targets, fates, now, settled)
    if not moves_keep_versions:
        saved = [row | {"image_version": None} for row in saved]
    alerts.add(conn, saved, for_bus=analysis.has_bus)
    settled.fates = fates
    settled.evidence = evidence.record(conn, analysis, _by_service(valid), rows, now, steady)
    _count(settled, fates)
    _add_totals(settled.totals, fates, now)
    return settled


def _lock_services(
    conn: Connection, answered: Sequence[Answered]
) -> tuple[dict[int, CalledService], dict[int, float | None]]:
    """The rows of the called services, but only the latencies (ms) of those that stay steady.

    A service stays steady that was so and has answered every frame at the first try.
    """
    pks = {answer.frame.service_pk for answer in answered}
    doubtful = {
        answer.frame.service_pk
        for answer in answered
        if answer.verdict.kind not in evidence.ANSWERED or answer.frame.last_failure_at
    }
    locked = services.lock_figures(conn, list(pks))
    steady = {pk: ms for pk, ms, is_steady in locked if is_steady and pk not in doubtful}
    rows = services.lock_called(conn, list(pks - steady.keys())) if len(steady) < len(pks) else []
    return {row.pk: row for row in rows}, steady


def _at_fault(answer: Answered) -> Answered:
    return replace(answer, verdict=replace(answer.verdict, frames_fault=True))


def _ids_by_token(answered: Sequence[Answered]) -> dict[str, list[int]]:
    by_token: dict[str, list[int]] = {}
    for answer in answered:
        by_token.setdefault(answer.frame.lease_token, []).append(answer.frame.id)
    return by_token


def _by_service(answered: Sequence[Answered]) -> dict[int, list[Verdict]]:
    by_service: dict[int, list[Verdict]] = {}
    for answer in answered:
        if answer.verdict.called:
            by_service.setdefault(answer.frame.service_pk, []).append(answer.verdict)
    return by_service


def _fate(answer: Answered, analysis: AiAnalysis, service: CalledService | None) -> Fate:
    frame = answer.frame
    if answer.superseded:
        return Fate(FrameState.DONE, Outcome.SUPERSEDED, frame.attempts)
    fine = service is not None and 0 < frame.last_failure_at < service.last_success_at
    ordered = analysis.affinity(frame.task_type)
    # If the service has answered no frame since, it stands still and all frames wait for it.
    apart = answer.verdict.kind is CallResult.TIMEOUT and fine and not ordered
    return decide(
        answer.verdict,
        attempts=frame.attempts,
        tries=frame.tries,
        max_attempts=analysis.max_attempts,
        save_only_with_detection=analysis.save_only_with_detection,
        service_is_fine=fine,
        holds_its_camera=ordered,
        apart_sec=time_outs.apart_sec(frame, analysis.infer_timeout_sec) if apart else 0.0,
    )


def _targets(
    conn: Connection,
    analysis: AiAnalysis,
    fates: Sequence[tuple[Answered, Fate]],
    careful: bool,
) -> dict[int, str]:
    """The target key of each picture, by frame id; a name that is taken gets the frame's id.

    A picture without a target is deleted.
    """
    wanted = {
        answer.frame.id: _target(analysis, answer, fate.outcome)
        for answer, fate in fates
        if fate.outcome is Outcome.FAILED or (fate.outcome is Outcome.ALERT and answer.keep_picture)
    }
    taken = alerts.taken_paths(conn, list(wanted.values())) if careful else set()
    salt = secrets.token_hex(3) if careful else ""
    targets: dict[int, str] = {}
    for frame_id, target in wanted.items():
        name = unique_key(target, frame_id, salt) if target in taken else target
        taken.add(name)
        targets[frame_id] = name
    return targets


def _target(analysis: AiAnalysis, answer: Answered, outcome: Outcome | None) -> str:
    frame = answer.frame
    if outcome is Outcome.ALERT:
        return answer.copied_to or alert_key(
            analysis.alert_base_path, frame.task_type, frame.task_id, frame.key
        )
    target = failed_key(analysis.failed_base_path, frame.task_type, frame.task_id, frame.key)
    # In nested folders: another frame of the same name may be failing at this moment.
    nested = is_nested(frame.key, frame.task_type, frame.task_id)
    return unique_key(target, frame.id) if nested else target


def _write_frames(
    conn: Connection,
    targets: Mapping[int, str],
    fates: Sequence[tuple[Answered, Fate]],
    now: float,
    settled: Settled,
) -> list[dict[str, Any]]:
    """Write the new states of the frames; returns the alert rows, to be saved."""
    finished, returned, saved, superfluous = [], [], [], []
    for answer, fate in fates:
        frame, verdict = answer.frame, answer.verdict
        if fate.state is FrameState.PENDING:
            returned.append(returned_row(answer, fate, now))
            continue
        target = targets.get(frame.id, "")
        finished.append(finished_row(answer, fate, target, now))
        if fate.outcome is Outcome.ALERT:
            saved.append(alert_row(answer, target, now))
        if fate.outcome not in NO_PICTURE and target != frame.image_path:
            settled.moves.append(move(answer, target))
        if answer.copied_to and answer.copied_to != target:
            superfluous.append((answer.copied_to, ""))
        if fate.outcome in (Outcome.FAILED, Outcome.MISSING):
            shown = text(verdict.reason)
            log.warning("frame %s: key=%s reason=%s", fate.outcome, frame.key, shown)
    written = ledger.finish(conn, finished) + ledger.return_to_pending(conn, returned)
    if written != len(fates):
        raise ConflictError  # a lease was lost
    picture_deletions.ask_deletions(conn, superfluous, now)
    settled.finished, settled.alerts, settled.returned = len(finished), len(saved), len(returned)
    return saved


def _count(settled: Settled, fates: Sequence[tuple[Answered, Fate]]) -> None:
    for answer, fate in fates:
        verdict, task_type = answer.verdict, answer.frame.task_type
        own = settled.types.get(task_type)
        if own is None:
            own = settled.types[task_type] = OfType()
        own.returned += fate.state is FrameState.PENDING
        own.finished += fate.state is not FrameState.PENDING
        own.alerts += fate.outcome is Outcome.ALERT
        own.failed += fate.state is FrameState.FAILED
        tally = own.tally
        superseded = fate.outcome is Outcome.SUPERSEDED
        tally.superseded += superseded
        tally.processed += fate.state is FrameState.DONE and not superseded
        if not verdict.called:
            continue
        tally.requests += 1
        tally.responses += verdict.kind is not CallResult.UNREACHABLE
        if verdict.kind is CallResult.INFERRED:
            tally.successes += 1
            tally.infer_ms_sum += verdict.elapsed_ms
            tally.infer_ms_max = max(tally.infer_ms_max, verdict.elapsed_ms)
        elif verdict.kind is not CallResult.MISSING:
            tally.failures += 1


def _add_totals(totals: Totals, fates: Sequence[tuple[Answered, Fate]], now: float) -> None:
    for answer, fate in fates:
        frame, verdict = answer.frame, answer.verdict
        if fate.outcome is not None:
            totals.settled(frame.task_type, fate.outcome, verdict.kind)
        if verdict.kind is not CallResult.INFERRED:
            continue
        took = totals.at(frame.task_type, answer.endpoint.url)
        took.inference.append(verdict.elapsed_ms / 1000)
        if fate.outcome is not Outcome.SUPERSEDED:
            took.frame_latency.append(now - frame.arrived_at)
