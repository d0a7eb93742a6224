"""The cause of an alarm: found by a diagnosis, or the reason why a check or a service fails."""

from __future__ import annotations

from typing import Final

from easyai.domain.reason import Reason

_FOUND: Final = "name.cause"


def found_cause(code: str) -> Reason:
    """A cause found by a diagnosis; `code` is the diagnosis's code, such as "worker_gone"."""
    return Reason.of(_FOUND, name=code)


def cause_code(cause: Reason) -> str:
    """The code of a cause found by a diagnosis; '' for any other cause of an alarm."""
    return str(cause.get("name")) if cause.code == _FOUND else ""
