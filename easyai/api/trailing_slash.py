"""Lets every path end with a slash, as operators' documents write some (contract, section 3)."""

from __future__ import annotations

from starlette.routing import Router
from starlette.types import Receive, Scope, Send


def allow_trailing_slash(router: Router) -> None:
    """Route a path that no route has once more, without the slashes at its end.

    Not before: the `{id:text}` of a route takes everything, and an endpoint may end with a slash.
    """
    unknown = router.default

    async def without_slash(scope: Scope, receive: Receive, send: Send) -> None:
        shorter = scope["path"].rstrip("/") if scope["type"] == "http" else ""
        if not shorter or shorter == scope["path"]:
            await unknown(scope, receive, send)
            return
        scope["path"] = shorter  # in place: who writes the error sees the path that was looked for
        await router.app(scope, receive, send)

    router.default = without_slash
