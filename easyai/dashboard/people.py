"""Who acts on a page."""

from __future__ import annotations

from easyai.api.access import Caller

_LONGEST: int = 64  # characters


def person(caller: Caller) -> str:
    """The name of the caller for marks, notes and mutes; the address where no name is known."""
    name = str(getattr(caller, "person", "") or caller.address or "local")
    return name[:_LONGEST]
