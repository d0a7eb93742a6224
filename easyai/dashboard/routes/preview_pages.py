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
from easyai.dashboard.thumbnails import Thumbnails
from easyai.db import alerts, frames
from easyai.db.alerts import AlertRow
from easyai.db.frames import FrameRow
from easyai.domain.frame import Outcome
from easyai.errors import AlertNotFoundError, PictureNotFoundError
from easyai.runtime import Runtime
from easyai.store.preview_files import alert_name, frame_name

router = APIRouter(prefix="/dashboard", dependencies=[Depends(viewer)], include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
#: Whether a broken picture is answered by `_PLACEHOLDER` in place of the error 415, which a browser
#: writes to its console for each `<img>`.
Placeholder = Annotated[bool, Query()]
#: A GIF of a single transparent pixel, by which the page knows it: no camera sends such a picture.
_PLACEHOLDER: Final = (
    b"GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
)
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
    row = _alert(runtime, id)
    load = partial(stored_pictures.of_alert, runtime, row.image_path)
    check = partial(_alert, runtime, id)
    open_it = partial(runtime.part(Thumbnails).open, alert_name(row), load, check)
    return _thumbnail(request, open_it, placeholder)


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
    row = _frame(runtime, id)
    load = partial(stored_pictures.of_frame, runtime, row)
    check = partial(_frame, runtime, id)
    open_it = partial(runtime.part(Thumbnails).open, frame_name(row), load, check)
    return _thumbnail(request, open_it, placeholder)


@router.get("/pictures/alerts/{id}")
@behind(PREVIEWS)
def alert_picture(id: Id, runtime: RuntimePart) -> Response:  # noqa: A002
    """The whole picture of an alert."""
    return _picture(stored_pictures.of_alert(runtime, _alert(runtime, id).image_path))


@router.get("/pictures/frames/{id}")
@behind(PREVIEWS)
def frame_picture(id: Id, runtime: RuntimePart) -> Response:  # noqa: A002
    """The whole picture of a frame."""
    return _picture(stored_pictures.of_frame(runtime, _frame(runtime, id)))


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


def _thumbnail(request: Request, open_it: Callable[[], BinaryIO], placeholder: bool) -> Response:
    try:
        file = open_it()
    except BrokenPictureError:
        if not placeholder:
            raise
        headers = _HEADERS | {"cache-control": "no-store"}
        return Response(_PLACEHOLDER, headers=headers, media_type="image/gif")
    with file:
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
