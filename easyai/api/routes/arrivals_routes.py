"""Takes word of frames, and frames themselves: no frame has to wait for the scan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse

from easyai.api import schemas_frames
from easyai.api.access import SenderPart
from easyai.api.body_limit import PICTURE_TYPES, is_picture
from easyai.api.gates import FRAMES, behind
from easyai.api.json_body import JsonBody, parse_json
from easyai.api.parts import RuntimePart, documented_body
from easyai.api.picture_room import PictureRoom
from easyai.api.schemas import errors
from easyai.domain.reason import Reason
from easyai.errors import BadRequestError
from easyai.messages.catalogue import text
from easyai.pipeline.bucket_events import MOST_RECORDS, read_events
from easyai.pipeline.notified import Fate, NotifiedPictures, Taken
from easyai.pipeline.ownership import Ownership
from easyai.pipeline.sent_pictures import SentPictures
from easyai.runtime import Runtime
from easyai.store.keys import is_possible

router = APIRouter(prefix="/frames", tags=["frames"])

_MOST_KEYS: Final = 1000
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schemas_frames.NamedKeys.model_json_schema()},
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in PICTURE_TYPES},
        },
    }
}


async def _body(request: Request, _: SenderPart) -> AsyncIterator[bytes]:
    """The body, read only for a sender who may send it, and a picture only if there is room."""
    room: PictureRoom = request.app.state.picture_room
    with room.kept(request) if is_picture(request.headers) else nullcontext():
        yield await request.body()


BodyPart = Annotated[bytes, Depends(_body)]


@router.post(
    "",
    response_model=schemas_frames.NamedFrames,
    responses={
        201: {"model": schemas_frames.NamedFrames, "description": "The picture is written"},
        **errors(400, 403, 409, 413, 503, 507),
    },
    openapi_extra=_BODY,
)
@behind(FRAMES)
def add(
    request: Request,
    _sender: SenderPart,
    runtime: RuntimePart,
    body: BodyPart,
    task_type: str = "",
    task_id: str = "",
    name: str = "",
) -> Any:
    """Take in pictures at once: the keys of pictures in the store, or a picture itself.

    With JSON, the body names pictures that lie in the store; the parameters are not used. With
    image/jpeg or image/png, the body is a picture of at most 20 MB for a local folder; without
    `name` it is named by the present time. The same picture sent again under the same name has the
    answer 200, a new picture 201. A call from another machine needs the frames' or the operator's
    token.
    """
    if not is_picture(request.headers):
        runtime.part(Ownership).check()
        return _answer(_take(runtime, _keys(parse_json(body))))
    sent = runtime.part(SentPictures).receive(task_type, task_id, name, body)
    taken = Taken()
    taken.note([sent.key], sent.fate, sent.reason)
    return JSONResponse(_answer(taken), 201 if sent.is_new else 200)


@router.post(
    "/events",
    response_model=schemas_frames.NamedFrames,
    responses=errors(400, 403, 413, 503),
    openapi_extra=documented_body(schemas_frames.BucketEvent),
)
@behind(FRAMES)
def events(_sender: SenderPart, runtime: RuntimePart, payload: JsonBody) -> dict[str, Any]:
    """Take in new objects of the bucket, as the object store notifies of them (a webhook).

    Reads the events of S3 (`Records[].s3`), as MinIO and AWS send them. Other records are ignored,
    other buckets refused. A call from another machine needs the frames' or the operator's token.
    """
    bucket = runtime.settings.frame_extractor.server
    if bucket is None:
        raise BadRequestError("body: the frames lie in a local folder, no bucket has events")
    runtime.part(Ownership).check()
    named = read_events(payload, bucket.bucket)
    if len(named.keys) > MOST_RECORDS:
        raise BadRequestError(f"Records: more than {MOST_RECORDS}; send less at once")
    taken = _take(runtime, named.keys)
    for key, other in named.elsewhere.items():
        taken.note([key], Fate.REFUSED, Reason.of("incoming.other_bucket", bucket=other))
    return _answer(taken) | {"ignored": named.ignored}


def _keys(payload: Any) -> list[str]:
    keys = payload.get("keys") if isinstance(payload, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS:
        raise BadRequestError(
            f'keys: send {{"keys": ["人数统计/门口1/1.jpg"]}} with 1 to {_MOST_KEYS} keys, or a '
            "picture as image/jpeg or image/png"
        )
    if not all(isinstance(key, str) for key in keys):
        raise BadRequestError("keys: send each key as text")
    return keys


def _take(runtime: Runtime, keys: list[str]) -> Taken:
    possible = [key for key in keys if is_possible(key)]
    taken = runtime.part(NotifiedPictures).take(possible)
    if taken.task_types:
        runtime.doorbell.ring_all(sorted(taken.task_types))
    refused = [key for key in keys if key not in taken.fates]
    taken.note(refused, Fate.REFUSED, Reason("incoming.no_frame"))
    return taken


def _answer(taken: Taken) -> dict[str, Any]:
    frames = [_entry(key, fate, reason) for key, (fate, reason) in taken.fates.items()]
    accepted = sum(fate is Fate.ACCEPTED for fate, _ in taken.fates.values())
    return {"ok": True, "frames": frames, "accepted": accepted}


def _entry(key: str, fate: Fate, reason: Reason) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": key.encode("utf-8", "replace").decode(), "state": str(fate)}
    if reason:
        as_json = reason.as_json()
        entry |= {
            "reason": text(reason),
            "reason_code": as_json["code"],
            "reason_args": as_json["args"],
        }
    return entry
