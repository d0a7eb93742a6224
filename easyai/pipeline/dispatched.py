"""The result of a dispatch: the leased frames, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from easyai.db.ledger import LeasedFrame

Serves = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a leased frame is sent."""

    url: str
    service_id: str
    name: str


@dataclass(slots=True)
class Dispatched:
    """The frames that a dispatch leased, and the task types with frames left."""

    frames: list[LeasedFrame] = field(default_factory=list)
    endpoints: dict[int, Endpoint] = field(default_factory=dict)  # by service pk
    # Only types that this process serves. Crowded: frames are left that only wait for places or for
    # their camera. Unserved: frames wait and the type has no service.
    crowded: list[str] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    # When to look again, by the database's clock: when a frame is due, a breaker's pause is over,
    # or a rate limit lets the next frame through. None: nothing will change by itself.
    look_at: float | None = None
    leased_at: float = 0.0  # monotonic: when the leases began
    waited: bool = False  # whether another transaction held the right to lease at first

    def look_by(self, moment: float | None) -> None:
        """Look again at this moment at the latest; None changes nothing."""
        if moment is not None:
            self.look_at = moment if self.look_at is None else min(self.look_at, moment)
