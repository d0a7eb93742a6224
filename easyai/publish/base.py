"""What every message bus does for the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from easyai.domain.reason import NO_REASON, Reason

CONNECT_SEC: Final = 4.0
SEND_SEC: Final = 6.0  # until the bus has acknowledged a wave


@dataclass(frozen=True, slots=True)
class Message:
    """One alert on its way out."""

    alert_id: int
    task_type: str
    task_id: str
    body: bytes  # the alert as JSON in UTF-8
    created_at: float = 0.0  # of the alert, Unix seconds; 0: not known
    of_system: bool = False  # an alarm of easyai itself, not the alert of a frame


@dataclass(slots=True)
class Receipt:
    """What the bus answered to a wave; an alert that stands in neither list is sent again."""

    acknowledged: list[int] = field(default_factory=list)
    refused: dict[int, Reason] = field(default_factory=dict)  # for ever, and why
    held_up: dict[int, Reason] = field(default_factory=dict)  # not now; others may go on
    trouble: Reason = NO_REASON  # the bus itself does not work: nothing else is worth trying


class Bus(Protocol):
    """A connection to a message bus, made when first needed and made anew when it broke.

    For one thread at a time. No error text holds a secret of the address.
    """

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Send and wait for the answers, about 10 s at most. Raises nothing the bus may cause."""

    def check(self) -> None:
        """Raise BusUnavailableError with reason and remedy, within 5 s, when it does not work."""

    def close(self) -> None:
        """Close the connection."""
