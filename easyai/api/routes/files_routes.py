"""Pictures of a local folder under signed links (contract, section 4)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from easyai.api.conditional import Delivery, delivery
from easyai.api.error_responses import error_response
from easyai.api.gates import PICTURES, behind
from easyai.api.parts import RuntimePart
from easyai.api.schemas import errors
from easyai.domain.frame import ALGO_CONFIG_NAME
from easyai.errors import PictureNotFoundError
from easyai.pipeline.links import open_picture
from easyai.runtime import Runtime
from easyai.store.frame_store import PictureFiles

router = APIRouter(prefix="/files", tags=["files"])

_WHOLE_BYTES: Final = 4_000_000  # a file up to this size is sent in a single piece
_CHUNK_BYTES: Final = 256 * 1024
_OTHER_TYPE: Final = "application/octet-stream"
_TYPES: Final = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
_CONTENT: Final[dict[str, Any]] = {
    name: {} for name in (*sorted(set(_TYPES.values())), "application/json")
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": _CONTENT},
    206: {"content": _CONTENT, "description": "The range that was asked for"},
    304: {"description": "The client has the picture already: If-None-Match names its ETag"},
    **errors(403, 404, 416, 503),
}


@router.get("/{key:text}", response_class=Response, responses=_RESPONSES)
@router.head("/{key:text}", response_class=Response, responses=_RESPONSES)
@behind(PICTURES)
def picture(
    key: str, request: Request, runtime: RuntimePart, expires: str = "", signature: str = ""
) -> Response:
    """A picture, or a camera's algo_config.json, by the link that this server gave out.

    Has an ETag; a GET may ask for a single range of bytes.
    """
    key = key.rstrip("/")
    # Checked first: a client without a valid signature must not learn which files exist.
    runtime.signer.check(key, expires, signature)
    files = runtime.part(_files)
    if files is None:
        raise PictureNotFoundError("pictures lie in the object store; ask for a new link")
    file = open_picture(runtime, files, key)
    try:
        left_sec = int(runtime.signer.left_sec(int(expires)))
        return _response(file, key, left_sec, request)
    except BaseException:
        file.close()
        raise


def _files(runtime: Runtime) -> PictureFiles | None:
    # Asked once: the check of a protocol takes longer than a picture's file.
    return runtime.store if isinstance(runtime.store, PictureFiles) else None


def _response(file: BinaryIO, key: str, left_sec: int, request: Request) -> Response:
    head = request.method == "HEAD"
    answer = delivery(request.headers, os.fstat(file.fileno()), head=head)
    headers = {
        "content-type": content_type(key),
        "x-content-type-options": "nosniff",
        "cache-control": _cache_control(key, left_sec),
    } | answer.headers
    if answer.status == 416:
        file.close()
        return error_response(416, "the picture has no bytes of this range", answer.headers)
    if answer.status == 304:
        file.close()
        return Response(status_code=304, headers=headers)
    file.seek(answer.first)
    if not head and answer.length <= _WHOLE_BYTES:
        with file:
            return Response(file.read(answer.length), answer.status, headers)
    headers["content-length"] = str(answer.length)
    if head:
        file.close()
        return Response(headers=headers)
    return _FileResponse(file, answer, headers)


def content_type(key: str) -> str:
    """The media type of a key: pictures and algo_config.json, anything else as bytes."""
    name = key.rpartition("/")[2]
    if name == ALGO_CONFIG_NAME:
        return "application/json"
    return _TYPES.get(PurePosixPath(name).suffix.lower(), _OTHER_TYPE)


def _cache_control(key: str, left_sec: int) -> str:
    # A camera's configuration can change under the same name, a picture cannot.
    if content_type(key) not in _TYPES.values():
        return "no-store"
    return f"private, max-age={max(0, left_sec)}"


class _FileResponse(StreamingResponse):
    """Sends a file and closes it, also when the client disconnects early."""

    def __init__(self, file: BinaryIO, answer: Delivery, headers: dict[str, str]) -> None:
        super().__init__(_chunks(file, answer.length), answer.status, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    # Send no more than the promised size: the file may grow meanwhile.
    while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk
