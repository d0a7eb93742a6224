"""Thumbnails and whole pictures of alerts and frames, through this server for every store."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from easyai.api.access import viewer
from easyai.api.conditional import delivery
from easyai.api.gates import PREVIEWS, behind
from easyai.api.parts import RuntimePart
from easyai.api.schemas_alerts import LARGEST_ID
from easyai.dashboard import stored_pictures
from easyai.dashboard.decoding import BrokenPictureError
from easyai.dashboard.thumbnails import Load, Thumbnails
from easyai.db import alerts, frames
from easyai.db.alerts import AlertRow
from easyai.db.frames import FrameRow
from easyai.domain.frame import Outcome
from easyai.errors import AlertNotFoundError, PictureNotFoundError
from easyai.runtime import Runtime
from easyai.store.preview_files import alert_name, frame_name

router = APIRouter(prefix="/dashboard", dependencies=[Depends(viewer)], include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
#: Whether the answer for a picture that is gone or broken is one of `_PLACEHOLDERS` in place of the
#: error 404 or 415, which a browser writes to its console for each `<img>`.
Placeholder = Annotated[bool, Query()]
#: GIFs of one and of two transparent pixels, by whose sizes the page knows them, as a page cannot
#: read the headers of an `<img>`: no camera sends such a picture.
_PLACEHOLDERS: Final = {
    "broken": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "gone": b"GIF89a\2\0\1\0\x80\0\0\0\0\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\2\0\1\0\0\2\2\4\n\0;",
}
_HEADERS: Final = {
    "cache-control": "private, max-age=3600",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
}
# The first bytes decide: a name may end as it likes.
_KINDS: Final = ((b"\xff\xd8", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


@router.get("/thumbnails/alerts/{id}")
@behind(PREVIEWS)
def alert_thumbnail(
    id: Id,  # noqa: A002
    request: Request,
    runtime: RuntimePart,
    placeholder: Placeholder = False,
) -> Response:
    """The picture of an alert, 320 pixels wide."""

    def answer() -> Response:
        row = _alert(runtime, id)
        load = partial(stored_pictures.of_alert, runtime, row.image_path)
        return _thumbnail(request, runtime, alert_name(row), load, partial(_alert, runtime, id))

    return _or_placeholder(answer, placeholder)


@router.get("/thumbnails/frames/{id}")
@behind(PREVIEWS)
def frame_thumbnail(
    id: Id,  # noqa: A002
    request: Request,
    runtime: RuntimePart,
    placeholder: Placeholder = False,
) -> Response:
    """The picture of a frame, 320 pixels wide; also after the frame's end, if it was made before.

    But not after the deletion of the frame's alert.
    """

    def answer() -> Response:
        row = _frame(runtime, id)
        load = partial(stored_pictures.of_frame, runtime, row)
        return _thumbnail(request, runtime, frame_name(row), load, partial(_frame, runtime, id))

    return _or_placeholder(answer, placeholder)


@router.get("/pictures/alerts/{id}")
@behind(PREVIEWS)
def alert_picture(
    id: Id,  # noqa: A002
    runtime: RuntimePart,
    placeholder: Placeholder = False,
) -> Response:
    """The whole picture of an alert."""

    def answer() -> Response:
        return _picture(stored_pictures.of_alert(runtime, _alert(runtime, id).image_path))

    return _or_placeholder(answer, placeholder)


@router.get("/pictures/frames/{id}")
@behind(PREVIEWS)
def frame_picture(
    id: Id,  # noqa: A002
    runtime: RuntimePart,
    placeholder: Placeholder = False,
) -> Response:
    """The whole picture of a frame."""

    def answer() -> Response:
        return _picture(stored_pictures.of_frame(runtime, _frame(runtime, id)))

    return _or_placeholder(answer, placeholder)


def _alert(runtime: Runtime, alert_id: int) -> AlertRow:
    with runtime.db.read() as conn:
        row = alerts.get(conn, alert_id)
    if row is None:
        raise AlertNotFoundError
    return row


def _frame(runtime: Runtime, frame_id: int) -> FrameRow:
    with runtime.db.read() as conn:
        row = frames.get(conn, frame_id)
    if row is None or (row.outcome == Outcome.ALERT and row.alert_id is None):
        raise PictureNotFoundError
    return row


def _or_placeholder(answer: Callable[[], Response], placeholder: bool) -> Response:
    try:
        return answer()
    except (AlertNotFoundError, BrokenPictureError, PictureNotFoundError) as error:
        if not placeholder:
            raise
        why = "broken" if isinstance(error, BrokenPictureError) else "gone"
    headers = _HEADERS | {"cache-control": "no-store", "x-picture": why}
    return Response(_PLACEHOLDERS[why], headers=headers, media_type="image/gif")


def _thumbnail(
    request: Request, runtime: Runtime, name: str, load: Load, check: Callable[[], object]
) -> Response:
    with runtime.part(Thumbnails).open(name, load, check) as file:
        return _answer(request, file)


def _answer(request: Request, file: BinaryIO) -> Response:
    found = delivery(request.headers, os.fstat(file.fileno()), head=False)
    tag = {"etag": found.headers["etag"]}
    if found.status == 304:
        return Response(status_code=304, headers=_HEADERS | tag)
    return Response(file.read(), headers=_HEADERS | tag, media_type="image/jpeg")


def _picture(content: bytes) -> Response:
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), "")
    headers = _HEADERS if kind else _HEADERS | {"content-disposition": "attachment"}
    return Response(content, headers=headers, media_type=kind or "application/octet-stream")
