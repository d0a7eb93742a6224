"""Reports whether the process lives, and whether it can work."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter
from starlette.responses import JSONResponse

from easyai.api import schemas
from easyai.api.parts import RuntimePart
from easyai.broker.broker_check import BrokerCheck
from easyai.domain.reason import Reason
from easyai.health.checks.dependencies import readiness_checks
from easyai.health.checks.named_check import CheckResult, CheckRunner
from easyai.messages.catalogue import text
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])

# Clients that ask for readiness give up after 2 s.
_LIMIT_SEC: Final = 1.5


class _Journal:
    """Logs the drivers' messages, which clients do not get: once, not at every request."""

    def __init__(self, _runtime: Runtime) -> None:
        self._last_reasons: dict[str, Reason] = {}

    def note(self, results: list[CheckResult]) -> None:
        for result in results:
            if result.reason and result.reason != self._last_reasons.get(result.name):
                log.warning("not ready: check=%s reason=%s", result.name, text(result.reason))
            self._last_reasons[result.name] = result.reason


@router.head("/healthz", responses={200: {"model": schemas.Alive}})
@router.get("/healthz", responses={200: {"model": schemas.Alive}})
async def healthz() -> JSONResponse:
    """The process answers; database, store and broker are not checked."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={200: {"model": schemas.Ready}, 503: {"model": schemas.NotReady}})
def readyz(runtime: RuntimePart) -> JSONResponse:
    """200 when the database has the newest schema and store and broker work; else 503 with reasons.

    Answers within 2 s, whatever hangs.
    """
    checks = readiness_checks(runtime, BrokerCheck(lambda: runtime.settings))
    results = runtime.part(CheckRunner).run(checks, _LIMIT_SEC)
    runtime.part(_Journal).note(results)
    client_results = [result.for_clients for result in results]
    states = {result.name: text(result.reason) or "ok" for result in client_results}
    failed = [result for result in client_results if not result.ok]
    if not failed:
        return JSONResponse({"status": "ready", "checks": states})
    body = {
        "status": "not ready",
        "error": "; ".join(f"{failure.name}: {text(failure.reason)}" for failure in failed),
        "checks": states,
        "reasons": {failure.name: failure.reason.as_json() for failure in failed},
    }
    return JSONResponse(body, 503)
