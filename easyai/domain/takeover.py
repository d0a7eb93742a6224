"""Takeovers: a service registers at an endpoint in place of another service_id.

The reason of the endpoint's state counts its takeovers. A single takeover happens when an operator
renames a service. Several takeovers within some minutes mean that two services both register the
endpoint as their own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from easyai.domain.reason import Reason

#: Takeovers that follow each other within this time are counted together.
TOGETHER_SEC: Final = 600.0
_ONCE: Final = "service.replaced"
_OFTEN: Final = "service.replaced_often"


class Takeover(NamedTuple):
    """The data of a takeover, as a reason holds it."""

    before: str  # the service_id that was replaced
    times: int  # how often the endpoint has changed hands

    @property
    def reason(self) -> Reason:
        """The reason for the row of the service and for events."""
        if self.times > 1:
            return Reason.of(_OFTEN, before=self.before, times=self.times)
        return Reason.of(_ONCE, before=self.before)


def takeover(reason: Reason) -> Takeover | None:
    """The takeover in the reason of a state or of an event; None for any other reason."""
    if reason.code not in (_ONCE, _OFTEN):
        return None
    times = reason.get("times")
    return Takeover(str(reason.get("before")), times if isinstance(times, int) else 1)
