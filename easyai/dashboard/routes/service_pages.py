"""Services: what is known of each, a probe now, approval and unregistration."""

from __future__ import annotations

import time
from typing import Any, Final

from fastapi import APIRouter, Depends

from easyai.api.access import OperatorPart, viewer
from easyai.api.gates import CHANGES, behind
from easyai.api.parts import RuntimePart
from easyai.api.routes.diagnosis_routes import LangQuery
from easyai.db import services
from easyai.domain.service import ServiceState, probe_url
from easyai.errors import BusyError, ServiceNotFoundError
from easyai.masking import hide_credentials
from easyai.messages.catalogue import ENGLISH, text
from easyai.registry import registration, unregistration
from easyai.registry.heartbeat import lookup

router = APIRouter(
    prefix="/dashboard/services", dependencies=[Depends(viewer)], include_in_schema=False
)

_DONE: Final = {"ok": True}


@router.post("/{endpoint:text}/probe")
@behind(CHANGES)
def probe(
    operator: OperatorPart, runtime: RuntimePart, endpoint: str, lang: LangQuery = ENGLISH
) -> dict[str, Any]:
    """Probe a service now, which takes 2 s at most; a service that answers is soon used again."""
    # Imported here: few processes of the API ever probe.
    from easyai.service_http.probe import probe_all
    from easyai.service_http.service_networks import service_networks

    with runtime.db.read() as conn:
        row = services.at_endpoint(conn, unregistration.as_registered(conn, lookup(endpoint)))
    if row is None or row.state == ServiceState.UNREGISTERED:
        raise ServiceNotFoundError
    began = time.monotonic()
    url = probe_url(row.endpoint, row.health_url)
    answers = probe_all({row.pk: url}, service_networks(runtime.settings))
    if row.pk not in answers:
        raise BusyError
    failure = answers[row.pk]
    if not failure and row.state != ServiceState.ONLINE:
        with runtime.db.write() as conn:
            services.probe_soon(conn, row.pk)
    return {
        "endpoint": hide_credentials(row.endpoint),
        "ok": not failure,
        "reason": text(failure, lang) if failure else None,
        "took_ms": round(1000 * (time.monotonic() - began), 1),
    }


@router.post("/{name:text}/approve")
@behind(CHANGES)
def approve(operator: OperatorPart, runtime: RuntimePart, name: str) -> dict[str, Any]:
    """Approve the services that wait under a service_id or an endpoint."""
    approved = registration.approve(runtime, name, by=operator)
    return {"endpoints": [hide_credentials(endpoint) for endpoint in approved]}


@router.post("/{name:text}/unregister")
@behind(CHANGES)
def unregister(operator: OperatorPart, runtime: RuntimePart, name: str) -> dict[str, Any]:
    """Unregister the endpoints of a service_id, or a single endpoint, until it registers again."""
    return {"count": unregistration.unregister(runtime, name, by=operator)}
