"""Builds the server that `easyai api` runs: the API with the dashboard."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from easyai.api import server
from easyai.dashboard.routes import page_routes, session_routes
from easyai.dashboard.static_files import Shelf
from easyai.runtime import Runtime

#: Paths for the page alone: no part of the contract, another release may change them.
PREFIX: Final = f"{server.API_PREFIX}/dashboard"
_ROUTERS: Final = (
    (page_routes.router, ""),
    (session_routes.router, server.API_PREFIX),
)


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """The API and the dashboard as an ASGI app; `runtime`: see `easyai.api.server`."""
    app = server.create_app(runtime)
    app.state.shelf = Shelf()
    for router, prefix in _ROUTERS:
        app.include_router(router, prefix=prefix)
        app.state.methods.add(prefix, router.routes)
    return app
