"""Whether the process lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse

from easyai.api import schemas
from easyai.api.parts import RuntimePart
from easyai.health.checks import readiness_checks, run_checks

router = APIRouter(tags=["health"])


@router.head("/healthz", responses={200: {"model": schemas.Alive}})
@router.get("/healthz", responses={200: {"model": schemas.Alive}})
async def healthz() -> JSONResponse:
    """The process answers; says nothing of what it depends on."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={200: {"model": schemas.Ready}, 503: {"model": schemas.NotReady}})
def readyz(runtime: RuntimePart) -> JSONResponse:
    """Database at the newest schema and store usable: 200; otherwise 503 with the reasons."""
    results = run_checks(readiness_checks(runtime))
    checks = {result.name: result.reason or "ok" for result in results}
    failed = [f"{result.name}: {result.reason}" for result in results if not result.ok]
    if not failed:
        return JSONResponse({"status": "ready", "checks": checks})
    body = {"status": "not ready", "error": "; ".join(failed), "checks": checks}
    return JSONResponse(body, 503)
