"""Answers of services, and the ledger rows that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from easyai.db import reasons
from easyai.db.ledger import LeasedFrame
from easyai.domain.fate import Fate
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.json_text import result_text
from easyai.domain.reason import Reason
from easyai.domain.verdict import Verdict
from easyai.pipeline.dispatched import Endpoint
from easyai.pipeline.picture_moves import PictureMove

if TYPE_CHECKING:
    from easyai.tracing.journey import Call

_SUPERSEDED = Reason("frame.picture_replaced")
_NO_REASON: Final = {"reason": None, "reason_code": None, "reason_args": None}
NO_PICTURE = (Outcome.MISSING, Outcome.SUPERSEDED)  # the frame's version is no longer in the store


@dataclass(frozen=True, slots=True)
class Answered:
    """A leased frame and the verdict of its call."""

    frame: LeasedFrame
    endpoint: Endpoint
    verdict: Verdict
    superseded: bool = False  # the picture was replaced before its answer, which is ignored
    copied_to: str = ""  # where `confirm` has copied an alert's picture already
    keep_picture: bool = True  # false: its camera's alerts have no picture (`save_alert_image`)
    call: Call | None = None  # only if the frame is traced


def move(answer: Answered, target: str) -> PictureMove:
    """The move that moves the picture of a settled frame to `target`."""
    frame = answer.frame
    return PictureMove(
        frame.id,
        frame.image_path or frame.key,
        target,
        frame.version,
        ours=bool(frame.image_path),
        copied=bool(target) and target == answer.copied_to,
    )


def returned_row(answer: Answered, fate: Fate, now: float) -> dict[str, Any]:
    """The row for `ledger.return_to_pending`, of a frame that gets another attempt."""
    return {
        "id": answer.frame.id,
        "token": answer.frame.lease_token,
        **_columns(answer.verdict.reason),
        "attempts": fate.attempts,
        "tries": answer.frame.tries + 1,
        "due_at": now + fate.delay_sec,
        "now": now,
    }


def finished_row(answer: Answered, fate: Fate, target: str, now: float) -> dict[str, Any]:
    """The row for `ledger.finish`, of a frame whose picture goes to `target`."""
    gone = fate.outcome in NO_PICTURE
    stays = gone or target == answer.frame.image_path
    return {
        "id": answer.frame.id,
        "token": answer.frame.lease_token,
        "state": str(fate.state),
        "outcome": str(fate.outcome),
        **_columns(_SUPERSEDED if answer.superseded else answer.verdict.reason),
        "attempts": fate.attempts,
        "tries": answer.frame.tries + (fate.state is FrameState.FAILED),
        "now": now,
        "detection_count": 0 if answer.superseded else answer.verdict.detection_count,
        "inference_ms": answer.verdict.elapsed_ms,
        "image_path": "" if gone else answer.frame.image_path,
        "image_target": None if stays else target,
    }


def _columns(reason: Reason) -> Mapping[str, str | None]:
    return reasons.columns("reason", reason) if reason else _NO_REASON


def alert_row(answer: Answered, target: str, now: float) -> dict[str, Any]:
    """The alert row of a frame whose picture goes to `target`."""
    frame, verdict = answer.frame, answer.verdict
    return {
        "frame_id": frame.id,
        "task_id": frame.task_id,
        "task_type": frame.task_type,
        "image_path": target,
        "image_version": frame.version,
        "algorithm_id": answer.endpoint.service_id,
        "algorithm_name": answer.endpoint.name,
        "result": result_text(verdict.result),
        "confidence": verdict.confidence,
        "detection_count": verdict.detection_count,
        "inference_time_ms": verdict.inference_ms or round(verdict.elapsed_ms, 3),
        "now": now,
    }
