"""The rate limit of a task type: how many frames may be leased, as in ``rate_limit = "30/s"``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: how many frames may be leased at the moment `at` (Unix seconds)."""

    tokens: float
    at: float

    def filled(self, per_sec: float, now: float) -> Bucket:
        """The bucket at `now`; it holds the tokens of a second, and at least 1 token."""
        if self.at > now + 1.0:
            return Bucket(full(per_sec), now)  # the clock was set back: `at` may never come again
        tokens = self.tokens + max(0.0, now - self.at) * per_sec
        return Bucket(min(tokens, full(per_sec)), now)

    def without(self, count: int) -> Bucket:
        """The bucket after so many frames were leased."""
        return Bucket(self.tokens - count, self.at)

    def next_at(self, per_sec: float) -> float:
        """When the next whole token is there, Unix seconds."""
        return self.at + max(0.0, 1.0 - self.tokens) / per_sec


def full(per_sec: float) -> float:
    """Tokens in a full bucket."""
    return max(1.0, per_sec)
