"""Builds the server that `easyai api` runs: the API with the dashboard.

The paths below /api/v1/dashboard, /api/v1/session and /api/v1/live are for the page alone: they are
no part of the contract, and another release may change them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from fastapi import FastAPI

from easyai.api import server
from easyai.dashboard import routers
from easyai.dashboard.live_hub import LiveHub
from easyai.dashboard.live_state import LiveState
from easyai.dashboard.routes import live_routes, page_routes, session_routes
from easyai.dashboard.sections.alarms_section import AlarmsSection
from easyai.dashboard.sections.alerts_section import AlertsSection
from easyai.dashboard.sections.cameras_section import (
    CamerasSection,
    TypesOfCameras,
    WaitingOfCameras,
)
from easyai.dashboard.sections.section import Section
from easyai.dashboard.sections.services_section import ServicesSection
from easyai.dashboard.sections.types_section import TypesSection, WaitingFrames
from easyai.dashboard.sections.verdict_section import VerdictSection
from easyai.dashboard.static_files import Shelf
from easyai.dashboard.verdicts import Verdicts
from easyai.db import clock
from easyai.runtime import Runtime

_ROUTERS: Final = (
    (page_routes.router, ""),
    (session_routes.router, server.API_PREFIX),
    (live_routes.router, ""),
    *((part.router, server.API_PREFIX) for part in routers.DATA),
)


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """The API and the dashboard as an ASGI app; `runtime`: see `easyai.api.server`."""
    app = server.create_app(runtime)
    app.state.shelf = Shelf()
    for router, prefix in _ROUTERS:
        app.include_router(router, prefix=prefix)
        app.state.methods.add(prefix, router.routes)
    _with_hub(app)
    return app


def _with_hub(app: FastAPI) -> None:
    """Let the hub of live data begin after the API's parts, and end before them."""
    of_api = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: Any) -> AsyncIterator[Any]:
        async with of_api(served) as state:
            opened: Runtime = app.state.runtime
            live = live_state_of(opened)
            app.state.live = hub = LiveHub(live.tick, partial(clock.estimate, opened.db.engine))
            try:
                yield state
            finally:
                await hub.close()

    app.router.lifespan_context = lifespan


def live_state_of(runtime: Runtime) -> LiveState:
    """The live state with all its sections."""
    verdicts = runtime.part(Verdicts)
    waiting, of_cameras, types = WaitingFrames(), WaitingOfCameras(), TypesOfCameras()
    sections: list[Section] = [
        VerdictSection(verdicts),
        TypesSection(verdicts, waiting),
        ServicesSection(),
        CamerasSection(runtime, of_cameras, types),
        AlarmsSection(),
        AlertsSection(runtime),
    ]
    return LiveState(runtime.db, sections, [waiting, of_cameras, types])
