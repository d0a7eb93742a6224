"""How many frames of a task type may be leased in a time: ``rate_limit = "30/s"``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: what may be leased at once, as of a moment (Unix seconds)."""

    tokens: float
    at: float

    def filled(self, per_sec: float, now: float) -> Bucket:
        """The bucket now; it holds what one second brings, and one token at least."""
        if self.at > now + 1.0:
            return Bucket(full(per_sec), now)  # the clock was set back: this moment may never come
        tokens = self.tokens + max(0.0, now - self.at) * per_sec
        return Bucket(min(tokens, full(per_sec)), now)

    def without(self, count: int) -> Bucket:
        """The bucket after so many frames were leased."""
        return Bucket(self.tokens - count, self.at)

    def next_at(self, per_sec: float) -> float:
        """When there is a whole token again, Unix seconds."""
        return self.at + max(0.0, 1.0 - self.tokens) / per_sec


def full(per_sec: float) -> float:
    """Tokens in a full bucket."""
    return max(1.0, per_sec)
