"""Who asked for a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OPERATOR: Final = "operator"  # names of tokens
VIEWER: Final = "viewer"


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller of the API, or a person at a terminal of this machine."""

    address: str  # IP address, or the account for a command; '': not known
    token: str = ""  # the name of the token that was sent; '': none
    local: bool = False  # on this machine

    @property
    def words(self) -> str:
        """From where and with which token, for an event."""
        where = self.address or "an unknown address"
        if self.local:
            return f"from this machine ({where})"
        if self.token == OPERATOR:
            return f"from {where} with the token operator"
        if self.token:
            return f"from {where} with the token viewer"
        return f"from {where} without a token"
