"""Registrations at an endpoint in place of another service_id, counted in the reason of its state.

One is what an operator does who gives a service a new name. Several within some minutes are two
services that both take the endpoint for theirs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from easyai.domain.reason import Reason

#: Takeovers that follow each other within so long are counted together.
TOGETHER_SEC: Final = 600.0
_ONCE: Final = "service.replaced"
_OFTEN: Final = "service.replaced_often"


class Takeover(NamedTuple):
    """What a reason says."""

    before: str  # the service_id in whose place
    times: int  # how often the endpoint has changed hands

    @property
    def reason(self) -> Reason:
        """How it stands in the row of the service, and in events."""
        if self.times > 1:
            return Reason.of(_OFTEN, before=self.before, times=self.times)
        return Reason.of(_ONCE, before=self.before)


def takeover(reason: Reason) -> Takeover | None:
    """The takeover that is the reason of a state or of an event; None for any other reason."""
    if reason.code not in (_ONCE, _OFTEN):
        return None
    times = reason.get("times")
    return Takeover(str(reason.get("before")), times if isinstance(times, int) else 1)
