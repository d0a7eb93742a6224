"""Registrations at an endpoint in place of another service_id, counted in the reason of its state.

One is what an operator does who gives a service a new name. Several within some minutes are two
services that both take the endpoint for theirs.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: Takeovers that follow each other within so long are counted together.
TOGETHER_SEC: Final = 600.0
_REASON: Final = re.compile(
    r"(?:service_id=.*? )?registered in place of service_id=(.*?)(?: \((\d+) ×\))?", re.DOTALL
)


class Takeover(NamedTuple):
    """What a reason says."""

    before: str  # the service_id in whose place
    times: int  # how often the endpoint has changed hands

    @property
    def reason(self) -> str:
        """How it stands in the row of the service, and in events."""
        count = f" ({self.times} ×)" if self.times > 1 else ""
        return f"registered in place of service_id={self.before}{count}"


def takeover(told: str) -> Takeover | None:
    """The takeover that a reason or an event tells of; None when it tells of something else."""
    match = _REASON.fullmatch(told)
    return None if match is None else Takeover(match[1], int(match[2] or 1))
