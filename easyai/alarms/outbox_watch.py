"""Whether the bus takes alerts: while it does, the head of the outbox moves."""

from __future__ import annotations

from dataclasses import dataclass

from easyai.health.facts import Facts


@dataclass(slots=True)
class OutboxWatch:
    """Remembers since when the oldest alert has been the same; `now` is the monotonic clock.

    The age of the alert is not enough: a backlog of hours is old even while it is being sent.
    """

    _head: float = 0.0
    _since: float = 0.0

    def still_sec(self, facts: Facts, now: float) -> float:
        """For how long no waiting alert was acknowledged; 0 when no alert waits."""
        if facts.snapshot is None:
            return 0.0
        head = facts.snapshot.outbox_since if facts.snapshot.outbox else 0.0
        if head != self._head:
            self._head, self._since = head, now
        return now - self._since if head else 0.0
