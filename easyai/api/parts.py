"""The parts that routes use: the app's lifespan opens them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.convertors import Convertor, register_url_convertor

from easyai.api.diagnosing import DiagnosisDesk
from easyai.api.heartbeat_groups import HeartbeatGroup
from easyai.api.metrics_desk import MetricsDesk
from easyai.runtime import Runtime


class _AnyTextConvertor(Convertor[str]):
    # Starlette's "path" stops at a line break, which a file name may hold.
    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


# `{id:text}` in a route matches everything, '/' included: an endpoint is a valid id.
register_url_convertor("text", _AnyTextConvertor())


async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _heartbeat_group(request: Request) -> HeartbeatGroup:
    group: HeartbeatGroup = request.app.state.heartbeats
    return group


async def _diagnosis_desk(request: Request) -> DiagnosisDesk:
    desk: DiagnosisDesk = request.app.state.diagnoses
    return desk


async def _metrics_desk(request: Request) -> MetricsDesk:
    desk: MetricsDesk = request.app.state.metrics
    return desk


RuntimePart = Annotated[Runtime, Depends(_runtime)]
HeartbeatsPart = Annotated[HeartbeatGroup, Depends(_heartbeat_group)]
DiagnosesPart = Annotated[DiagnosisDesk, Depends(_diagnosis_desk)]
MetricsPart = Annotated[MetricsDesk, Depends(_metrics_desk)]


def documented_body(model: Any, *, required: bool = True) -> dict[str, Any]:
    """The OpenAPI entry of a JSON body that a route reads by itself."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}
