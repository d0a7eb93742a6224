"""Lets every path end with a slash, as operators' documents write some (contract, section 3)."""

from __future__ import annotations

from starlette.routing import Router
from starlette.types import Receive, Scope, Send


def allow_trailing_slash(router: Router) -> None:
    """If no route matches a path, route it again without the slashes at its end.

    The path with its slashes comes first: `{id:text}` of a route matches everything, and an
    endpoint may end with a slash.
    """
    unknown = router.default

    async def without_slash(scope: Scope, receive: Receive, send: Send) -> None:
        shorter = scope["path"].rstrip("/") if scope["type"] == "http" else ""
        if not shorter or shorter == scope["path"]:
            await unknown(scope, receive, send)
            return
        scope["path"] = shorter  # in place: an error handler then sees the path that was routed
        await router.app(scope, receive, send)

    router.default = without_slash
