"""Which methods a path takes: the ``Allow`` header of a 405 must name them all (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from starlette.routing import BaseRoute, Route, compile_path


class MethodTable:
    """The methods of every route that was added."""

    def __init__(self) -> None:
        self._rows: list[tuple[re.Pattern[str], Collection[str]]] = []

    def add(self, prefix: str, routes: Iterable[BaseRoute]) -> None:
        """Add routes as they are mounted below a prefix."""
        for route in routes:
            if isinstance(route, Route):
                self._rows.append((compile_path(prefix + route.path)[0], route.methods or ()))

    def allowed(self, path: str) -> str:
        """The methods of a path, in the form of an Allow header; '' for an unknown path."""
        matching = [(regex, names) for regex, names in self._rows if regex.match(path)]
        # A route without parameters wins over a route whose parameter would match its last part.
        exact = [row for row in matching if not row[0].groups]
        methods = {name for _, names in exact or matching for name in names}
        return ", ".join(sorted(methods))
