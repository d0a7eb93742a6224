"""Lets an operator give up waiting frames."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter

from easyai.api import schemas
from easyai.api.access import OperatorPart
from easyai.api.gates import CHANGES, behind
from easyai.api.json_body import JsonBody
from easyai.api.parts import RuntimePart, documented_body
from easyai.api.schemas import errors
from easyai.db.discards import Chosen
from easyai.domain.unicode_form import nfc
from easyai.errors import BadRequestError
from easyai.pipeline.discard import discard as discard_frames

router = APIRouter(prefix="/ai_analysis/frames", tags=["frames"])

_LIMIT_SEC: Final = 20.0  # clients usually wait for 30 s
_FIELDS: Final = ("task_type", "task_id", "dry_run")


@router.post(
    "/discard",
    response_model=schemas.Discarded,
    responses=errors(400, 403, 413, 503),
    openapi_extra=documented_body(schemas.DiscardBody),
)
@behind(CHANGES)
def discard(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Give up the waiting frames of a type, or of one of its cameras, and delete their pictures.

    Frames in flight, failed frames and frames that arrive later stay. A call takes 20 s at most:
    call again while `waiting` is above 0. A call from another machine needs the operator's token.
    """
    chosen, dry_run = _read(payload)
    report = discard_frames(runtime, chosen, dry_run=dry_run, limit_sec=_LIMIT_SEC, by=operator)
    return {
        "ok": True,
        "dry_run": dry_run,
        "discarded": report.discarded,
        "by_camera": report.by_camera,
        "in_flight": report.in_flight,
        "waiting": report.waiting,
    }


def _read(payload: Any) -> tuple[Chosen, bool]:
    """Read the body strictly: a misspelt `task_id` would give up the frames of all cameras."""
    if not isinstance(payload, dict):
        raise BadRequestError('body: send an object such as {"task_type": "人数统记"}')
    for name in payload:
        if name not in _FIELDS:
            raise BadRequestError(f"{name}: no such field; there are {', '.join(_FIELDS)}")
    task_type, task_id = payload.get("task_type"), payload.get("task_id", "")
    if not isinstance(task_type, str) or not task_type:
        raise BadRequestError("task_type: name the type whose frames are to be given up")
    if not isinstance(task_id, str):
        raise BadRequestError("task_id: send the camera as text, or leave it out for all cameras")
    dry_run = payload.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise BadRequestError("dry_run: send true or false")
    return Chosen(nfc(task_type), nfc(task_id)), dry_run
