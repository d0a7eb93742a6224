"""Metrics for Prometheus."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response

from easyai.api.access import viewer
from easyai.api.parts import MetricsPart
from easyai.api.schemas import errors

router = APIRouter(tags=["health"])

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": _TEXT}, **errors(403, 503)},
    dependencies=[Depends(viewer)],
)
async def metrics(desk: MetricsPart) -> Response:
    """The state of the installation in Prometheus's text format, at most a second old.

    Every API process gives the same. 503 within 4 s when the database does not answer.
    """
    return Response(await desk.ask(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
