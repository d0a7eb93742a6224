"""Failed and parked frames with their reasons; requeue and discard, each with a preview."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query

from easyai.api.access import OperatorPart, viewer
from easyai.api.alert_query import Name
from easyai.api.gates import LISTS, LONG_CHANGES, behind
from easyai.api.json_body import JsonBody
from easyai.api.parts import RuntimePart
from easyai.api.routes.diagnosis_routes import LangQuery
from easyai.dashboard import strict_bodies
from easyai.dashboard.alert_items import PREFIX
from easyai.db import frame_counts, kept_frames, reasons
from easyai.db.discards import Chosen
from easyai.db.frames import FrameFilter
from easyai.db.kept_frames import Place
from easyai.domain.frame import FrameState
from easyai.domain.reason import Reason
from easyai.domain.unicode_form import nfc
from easyai.domain.verdict import REFUSED
from easyai.errors import BadRequestError
from easyai.masking import hide_credentials
from easyai.messages.catalogue import ENGLISH, text
from easyai.pipeline.discard import discard as discard_frames
from easyai.pipeline.requeue import preview
from easyai.pipeline.requeue import requeue as requeue_frames

router = APIRouter(
    prefix="/dashboard/frames", dependencies=[Depends(viewer)], include_in_schema=False
)

_PAGE: Final = 50
_LIMIT_SEC: Final = 8.0  # others wait for 10 s at most
_MOST_PREVIEWED: Final = 50_000  # failed frames that a preview reads
_LONGEST: Final = 500  # characters of a name


@router.get("")
@behind(LISTS)
def list_frames(
    runtime: RuntimePart,
    state: Literal["failed", "parked"] = "failed",
    task_type: Annotated[Name, Query()] = None,
    task_id: Annotated[Name, Query()] = None,
    before: str = "",
    lang: LangQuery = ENGLISH,
) -> dict[str, Any]:
    """Frames, newest first, and how many there are by type. A part may be short before the last.

    A type with `counted_up_to` frames may have more.
    """
    place = _place(before)
    wanted = FrameState(state)
    with runtime.db.read() as conn:
        found = kept_frames.page(
            conn, wanted, _PAGE, task_type=task_type, task_id=task_id, before=place
        )
        counts = None if place else frame_counts.by_type(conn, wanted)
    return {
        "items": [_item(row, lang) for row in found.rows],
        "next": f"{found.next.at!r}:{found.next.id}" if found.next else None,
        "counts": counts and counts.by_type,
        "counted_up_to": counts and counts.most,
    }


@router.post("/requeue")
@behind(LONG_CHANGES)
def requeue(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Let failed frames be inferred again: by ids, or by type, camera and words of the reason.

    The words are searched in the reason's code and arguments, not in its sentence. A preview reads
    a bounded number of frames: the task types that may have more are in `more`.
    """
    known = ("ids", "task_type", "task_id", "reason", "dry_run")
    body = strict_bodies.fields(payload, known)
    dry_run = strict_bodies.flag(body, "dry_run")
    ids = tuple(strict_bodies.ids(body)) if "ids" in body else ()
    wanted = FrameFilter(
        FrameState.FAILED,
        _name(body, "task_type"),
        _name(body, "task_id"),
        reason=strict_bodies.words(body, "reason", _LONGEST, required=False) or None,
        ids=ids,
    )
    if dry_run:
        report = preview(runtime, wanted, _MOST_PREVIEWED)
    else:
        report = requeue_frames(runtime, wanted, by=operator)
    return {
        "dry_run": dry_run,
        "count": report.requeued,
        "by_task_type": report.by_task_type,
        "more": report.more,
        "picture_moving": report.moving,
        "picture_gone": report.gone,
    }


@router.post("/discard")
@behind(LONG_CHANGES)
def discard(operator: OperatorPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Give up the waiting frames of a type, or of one of its cameras, and delete their pictures.

    Ends after 8 s: call again while `waiting` is above 0.
    """
    body = strict_bodies.fields(payload, ("task_type", "task_id", "dry_run"))
    dry_run = strict_bodies.flag(body, "dry_run")
    task_type = nfc(strict_bodies.words(body, "task_type", _LONGEST))
    chosen = Chosen(task_type, _name(body, "task_id") or "")
    report = discard_frames(runtime, chosen, dry_run=dry_run, limit_sec=_LIMIT_SEC, by=operator)
    return {
        "dry_run": dry_run,
        "count": report.waiting if dry_run else report.discarded,
        "by_camera": report.by_camera,
        "in_flight": report.in_flight,
        "waiting": report.waiting,
    }


def _name(body: dict[str, Any], name: str) -> str | None:
    return nfc(strict_bodies.words(body, name, _LONGEST, required=False)) or None


def _place(before: str) -> Place | None:
    if not before:
        return None
    at, _, number = before.partition(":")
    try:
        place = Place(float(at), int(number))
    except ValueError:
        place = None
    if place is None or not (math.isfinite(place.at) and 0 <= place.id < 2**63):
        raise BadRequestError("before: send `next` of the part before")
    return place


def _reason(row: Any) -> Reason:
    """Why a frame failed; a sentence names the service as the author of the service's words."""
    reason = reasons.read(row, "reason")
    if reason.code == REFUSED:
        return Reason.of("frame.refused", error=reason.get("error"))
    return reason


def _item(row: Any, language: str) -> dict[str, Any]:
    has_picture = row.image_path != ""
    return {
        "id": row.id,
        "task_type": row.task_type,
        "task_id": row.task_id,
        "key": row.key,
        "state": row.state,
        "reason": text(_reason(row), language),
        "captured_at": row.captured_at,
        "found_at": row.found_at,
        "settled_at": row.settled_at,
        "attempts": row.attempts,
        "service_id": row.service_id,
        "endpoint": row.endpoint and hide_credentials(row.endpoint),
        "thumb": f"{PREFIX}/thumbnails/frames/{row.id}" if has_picture else None,
        "picture": f"{PREFIX}/pictures/frames/{row.id}" if has_picture else None,
    }
