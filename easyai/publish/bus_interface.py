"""The interface of a message bus for the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from easyai.domain.reason import NO_REASON, Reason

CONNECT_SEC: Final = 4.0
SEND_SEC: Final = 6.0  # until the bus has acknowledged a wave


@dataclass(frozen=True, slots=True)
class Message:
    """An alert that the outbox sends."""

    alert_id: int
    task_type: str
    task_id: str
    body: bytes  # the alert as JSON in UTF-8
    created_at: float = 0.0  # of the alert, Unix seconds; 0: unknown
    of_system: bool = False  # an alarm of easyai itself, not the alert of a frame


@dataclass(slots=True)
class Receipt:
    """The answer of the bus to a wave; alerts neither acknowledged nor refused are sent again."""

    acknowledged: list[int] = field(default_factory=list)
    refused: dict[int, Reason] = field(default_factory=dict)  # for ever, with the reason
    held_up: dict[int, Reason] = field(default_factory=dict)  # for now; other cameras may go on
    trouble: Reason = NO_REASON  # the bus itself does not work: further attempts are useless


class Bus(Protocol):
    """A connection to a message bus, opened on first use and opened anew after an error.

    For a single thread at a time. No error text holds a secret of the address.
    """

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Send and wait for the answers, about 10 s at most. Raises no error of the bus."""

    def check(self) -> None:
        """Raise BusUnavailableError with reason and remedy within 5 s if the bus does not work."""

    def close(self) -> None:
        """Close the connection."""
