"""Who asked for a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from easyai.domain.reason import Reason

OPERATOR: Final = "operator"  # names of tokens
VIEWER: Final = "viewer"
FRAMES: Final = (
    "frames"  # of cameras and stores: it allows to name and to send frames, nothing else
)


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller of the API, or a person at a terminal of this machine."""

    address: str  # IP address, or the account for a command; '': not known
    token: str = ""  # the name of the token that was sent; '': none
    local: bool = False  # on this machine
    person: str = ""  # the name that the person at a browser gave; '': none

    @property
    def origin(self) -> Reason:
        """The person, the address and the token of the caller, for an event."""
        if not self.person:
            return self._place
        return Reason.of("actor.person", person=self.person, place=self._place)

    @property
    def _place(self) -> Reason:
        where = self.address or Reason("actor.unknown_address")
        if self.local:
            return Reason.of("actor.local", address=where)
        if self.token == OPERATOR:
            return Reason.of("actor.operator", address=where)
        if self.token:
            return Reason.of("actor.viewer", address=where)
        return Reason.of("actor.without_token", address=where)
