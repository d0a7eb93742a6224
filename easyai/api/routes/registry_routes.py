"""Algorithm services register, report and leave (contract, section 2); operators look at them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from easyai.api import schemas
from easyai.api.access import CallerPart, OperatorPart
from easyai.api.gates import CHANGES, READS, REGISTRATIONS, behind
from easyai.api.json_body import JsonBody, parse_json_or_none
from easyai.api.parts import HeartbeatsPart, RuntimePart, documented_body
from easyai.api.quota import MostServicesPart
from easyai.api.schemas import errors
from easyai.domain.unicode_form import nfc
from easyai.errors import ServiceNotFoundError
from easyai.messages.wording import counted
from easyai.registry import registration, unregistration, views
from easyai.registry.bodies import HeartbeatBody, RegisterBody
from easyai.registry.heartbeat import Heartbeat

router = APIRouter(prefix="/ai_analysis", tags=["registry"])

_DONE = {"ok": True}
StateQuery = Annotated[
    Literal["all", ""],
    Query(description="`all`: also services that cannot take work now, with state and reason"),
]


@router.post(
    "/register",
    response_model=schemas.Registered,
    responses=errors(400, 413, 429, 503),
    openapi_extra=documented_body(RegisterBody),
)
@behind(REGISTRATIONS)
def register(
    caller: CallerPart, most: MostServicesPart, runtime: RuntimePart, payload: JsonBody
) -> dict[str, Any]:
    """Register an endpoint; this replaces an earlier registration of the endpoint."""
    service_id = registration.register(runtime, payload, caller.address, most)
    interval_sec = registration.heartbeat_interval_sec(runtime, payload)
    return {"ok": True, "service_id": service_id, "heartbeat_interval_sec": interval_sec}


@router.post(
    "/heartbeat/{id:text}",
    responses={200: {"model": schemas.Done}, **errors(400, 413, 503)},
    openapi_extra=documented_body(HeartbeatBody, required=False),
)
async def heartbeat(id: str, request: Request, group: HeartbeatsPart) -> JSONResponse:  # noqa: A002
    """Send a heartbeat, by service_id (for all its endpoints) or by percent-encoded endpoint.

    A heartbeat counts also when its body does not parse.
    """
    report = parse_json_or_none(await request.body())
    if await group.take(Heartbeat(id, report)):
        return JSONResponse(_DONE)
    # First with the slash: it may belong to the endpoint.
    if id.endswith("/") and await group.take(Heartbeat(id.removesuffix("/"), report)):
        return JSONResponse(_DONE)
    raise registration.unknown_service(id)


@router.delete(
    "/unregister/{id:text}", response_model=schemas.Done, responses=errors(400, 403, 503)
)
@behind(REGISTRATIONS)
def unregister(id: str, caller: CallerPart, runtime: RuntimePart) -> dict[str, Any]:  # noqa: A002
    """Unregister every endpoint of a service_id, or one percent-encoded endpoint.

    Another machine without the operator's token can unregister only its own endpoints.
    """
    source = None if caller.is_operator else caller.source
    try:
        unregistration.unregister(runtime, id, source, by=caller)
    except ServiceNotFoundError:
        if not id.endswith("/"):
            raise
        unregistration.unregister(runtime, id.removesuffix("/"), source, by=caller)
    return _DONE


@router.post("/clear_all", response_model=schemas.Cleared, responses=errors(403, 503))
@behind(CHANGES)
def clear_all(operator: OperatorPart, runtime: RuntimePart) -> dict[str, Any]:
    """Unregister every service.

    A call from another machine needs the operator's token.
    """
    count = unregistration.clear_all(runtime, by=operator)
    cleared = f"{counted(count, 'service')} unregistered"
    return {"ok": True, "cleared_count": count, "message": cleared}


@router.get(
    "/services",
    response_model=schemas.ServiceList,
    response_model_exclude_unset=True,
    responses=errors(400, 503),
)
@behind(READS)
def services(runtime: RuntimePart, state: StateQuery = "") -> dict[str, Any]:
    """The services that can take work now, one entry for each endpoint."""
    return views.service_list(runtime, everything=state == "all")


@router.get(
    "/services/stats/{task_type:text}",
    response_model=schemas.TaskTypeServices,
    response_model_exclude_unset=True,
    responses=errors(503),
)
@behind(READS)
def task_type_services(task_type: str, runtime: RuntimePart) -> dict[str, Any]:
    """The services of one task type that can take work now."""
    name = nfc(task_type.rstrip("/"))  # a task type is a folder's name
    return views.task_type_services(runtime, name)


@router.get("/load_balance/info", response_model=schemas.LoadBalance, responses=errors(503))
@behind(READS)
def load_balance(runtime: RuntimePart) -> dict[str, Any]:
    """The speed of the services of each type, and their shares of its frames."""
    return views.load_balance(runtime)


@router.get("/load_balance/analysis", response_model=schemas.LoadAnalysis, responses=errors(503))
@behind(READS)
def load_analysis(runtime: RuntimePart) -> dict[str, Any]:
    """How evenly calls were spread over the services of each type."""
    return views.load_analysis(runtime)
