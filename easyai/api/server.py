"""Builds the API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from easyai.api.body_limit import BodyLimit
from easyai.api.browser_guard import BrowserGuard
from easyai.api.compression import Compression
from easyai.api.diagnosing import DiagnosisDesk
from easyai.api.error_responses import install_error_handlers
from easyai.api.exposition import Exposition
from easyai.api.express import ExpressLane
from easyai.api.heartbeat_groups import HeartbeatGroup
from easyai.api.heartbeat_lane import GROUP
from easyai.api.methods import MethodTable
from easyai.api.metrics_desk import MetricsDesk
from easyai.api.picture_room import PictureRoom
from easyai.api.routes import (
    alerts_routes,
    arrivals_routes,
    diagnosis_routes,
    files_routes,
    frames_routes,
    health_routes,
    metrics_routes,
    registry_routes,
    statistics_routes,
)
from easyai.api.shared_reads import open_gates
from easyai.api.tokens import Tokens
from easyai.api.trailing_slash import allow_trailing_slash
from easyai.health.checks.data_folder import DataFolderCheck
from easyai.process.presence import Presence
from easyai.process.supervisor_link import Loop, Notifier
from easyai.runtime import Runtime
from easyai.version import version

API_PREFIX = "/api/v1"


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """The API as an ASGI app.

    Without a runtime, the app opens a runtime from the settings when it starts, with a doorbell
    that wakes workers, and closes the runtime when it stops.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        loop = Loop()
        with _opened(runtime, loop) as opened:
            app.state.runtime = opened
            opened.part(Tokens)  # makes the token files before anybody needs them
            app.state.gates = gates = open_gates(opened.db)
            app.state.picture_room = PictureRoom()
            app.state.heartbeats = HeartbeatGroup(opened)
            app.state.diagnoses = DiagnosisDesk(partial(diagnosis_routes.examine, opened))
            app.state.metrics = MetricsDesk(
                Exposition(opened.db, by_camera=opened.settings.easyai.metrics_by_camera)
            )
            life = asyncio.create_task(_show_life(loop))
            try:
                yield {GROUP: app.state.heartbeats}
            finally:
                life.cancel()
                app.state.metrics.close()
                app.state.diagnoses.close()
                app.state.heartbeats.close()
                for gate in gates.values():
                    gate.close()

    # The scripts of /docs come from this server: /docs works without the internet.
    app: FastAPI = FastAPIOffline(
        title="easyai",
        version=version(),
        description="Registry of algorithm services, alerts and statistics. "
        'Every error is `{"error": "..."}`.',
        lifespan=lifespan,
        redirect_slashes=False,  # some clients do not follow; allow_trailing_slash answers instead
    )
    app.add_middleware(Compression)
    app.add_middleware(ExpressLane)  # nothing of its answers is compressed; those below guard it
    app.add_middleware(BodyLimit)
    install_error_handlers(app)
    app.add_middleware(BrowserGuard)
    app.state.methods = methods = MethodTable()
    for part, prefix in (
        (registry_routes, API_PREFIX),
        (statistics_routes, API_PREFIX),
        (frames_routes, API_PREFIX),
        (arrivals_routes, API_PREFIX),
        (alerts_routes, API_PREFIX),
        (diagnosis_routes, API_PREFIX),
        (files_routes, API_PREFIX),
        (health_routes, ""),
        (metrics_routes, ""),
    ):
        app.include_router(part.router, prefix=prefix)
        methods.add(prefix, part.router.routes)
    allow_trailing_slash(app.router)
    return app


async def _show_life(loop: Loop) -> None:
    """Record every second that the event loop still runs, until cancelled."""
    notifier = Notifier()
    try:
        while True:
            loop.record_iteration()
            notifier.alive()
            await asyncio.sleep(1.0)
    finally:
        notifier.stopping()


@contextmanager
def _opened(runtime: Runtime | None, loop: Loop) -> Iterator[Runtime]:
    if runtime is not None:
        yield runtime
        return
    # Imported here: only the doorbell needs Celery.
    from easyai.tasks.app import make_app
    from easyai.tasks.doorbell import open_ringing_runtime

    opened = open_ringing_runtime(make_app())
    opened.part(DataFolderCheck)  # later checks compare with the folder as it is now
    presence = Presence("api", lambda: opened.db, loop.is_running)
    presence.start()
    try:
        yield opened
    finally:
        presence.close()
        opened.close()
