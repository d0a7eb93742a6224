"""Who acts on a page."""

from __future__ import annotations

from easyai.api.access import Caller


def person(caller: Caller) -> str:
    """The name of the caller for marks, notes and mutes; the address where no name is known."""
    return caller.person or ("local" if caller.local else caller.address or "unknown")
