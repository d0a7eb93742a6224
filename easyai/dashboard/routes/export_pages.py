"""Exports of alerts: CSV, COCO, or an archive with the pictures; they stream."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from easyai.api.access import viewer
from easyai.api.parts import RuntimePart
from easyai.dashboard.alert_choice import ChoiceQuery
from easyai.dashboard.alert_export import as_coco, as_csv, as_zip
from easyai.db.alert_filter import AlertChoice
from easyai.errors import BusyError
from easyai.runtime import Runtime

router = APIRouter(prefix="/dashboard", dependencies=[Depends(viewer)], include_in_schema=False)

_AT_ONCE: Final = 2
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "coco": "application/json"}


class ExportQuery(ChoiceQuery):
    """The filters, and the format."""

    format: Literal["csv", "coco", "zip"] = "csv"


class Exports:
    """How many exports may run at once; a part of the runtime."""

    def __init__(self, _runtime: Runtime) -> None:
        self.places = threading.BoundedSemaphore(_AT_ONCE)


@router.get("/alerts/export")
async def export(runtime: RuntimePart, query: Annotated[ExportQuery, Query()]) -> Response:
    """The alerts that the filters choose, newest first, as a file."""
    places, pieces = runtime.part(Exports).places, _pieces(runtime, query.format, query.choice())
    if not places.acquire(blocking=False):
        raise BusyError
    return _Download(pieces, query.format, places)


def _pieces(runtime: Runtime, form: str, choice: AlertChoice) -> Iterator[bytes]:
    if form == "zip":
        return as_zip(runtime, choice, datetime.now(UTC).timestamp())
    return as_coco(runtime, choice) if form == "coco" else as_csv(runtime, choice)


class _Download(StreamingResponse):
    """Streams a file; the export ends when its client has gone."""

    def __init__(self, pieces: Any, form: str, places: threading.BoundedSemaphore) -> None:
        suffix = {"coco": "json"}.get(form, form)
        name = f"alerts-{datetime.now(UTC):%Y%m%d-%H%M%S}.{suffix}"
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        super().__init__(pieces, 200, headers, _TYPES.get(form, "application/zip"))
        self._pieces: Generator[bytes, None, None] = pieces
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.release()
            self._pieces.close()
