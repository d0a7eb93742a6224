"""The cause of an alarm: one that a diagnosis found, or why a check or a service fails."""

from __future__ import annotations

from typing import Final

from easyai.domain.reason import Reason

_FOUND: Final = "name.cause"


def found_cause(code: str) -> Reason:
    """The cause that a diagnosis found; `code` is its code there, such as "worker_gone"."""
    return Reason.of(_FOUND, name=code)


def cause_code(cause: Reason) -> str:
    """The code of a cause that a diagnosis found; '' for any other cause of an alarm."""
    return str(cause.get("name")) if cause.code == _FOUND else ""
