"""An endpoint's circuit breaker, its learned cap, and the waits between attempts of a frame.

CLOSED → OPEN after three failures in a row. Broken answers count only on three cameras, or if the
endpoint has answered no other frame for a while. OPEN → HALF-OPEN when the pause is over: a single
trial request. HALF-OPEN → CLOSED on success, → OPEN again with a doubled pause on failure. Pauses
stay short while a task type has no other working endpoint, because its frames can only wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

OPEN_AFTER: Final = 3  # failures in a row
#: An endpoint that answered a frame within this time is not judged by fewer than three cameras.
ANSWERED_LATELY_SEC: Final = 5.0
#: How long a request waits for its connection.
CONNECT_TIMEOUT_SEC: Final = 5.0
FIRST_PAUSE_SEC: Final = 5.0
LONGEST_PAUSE_SEC: Final = 60.0
LONGEST_PAUSE_ALONE_SEC: Final = 10.0  # while a task type has no endpoint that works
LONGEST_RETRY_SEC: Final = 5.0
_CAP_GROWS_EVERY_SEC: Final = 1.0
_LARGEST_CAP: Final = 1000  # above it no cap is needed


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of an endpoint; times in Unix seconds."""

    failures: int = 0  # in a row
    open_until: float = 0.0  # 0: closed
    pause_sec: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether requests flow freely."""
        return self.open_until == 0.0

    def admits(self, now: float, in_flight: int) -> int | None:
        """How many further requests may start now; None: no limit."""
        if self.closed:
            return None
        if now < self.open_until:
            return 0
        return max(0, 1 - in_flight)  # HALF-OPEN: a single trial

    def succeeded(self) -> Breaker:
        """HALF-OPEN → CLOSED, or stays CLOSED with its count of failures cleared."""
        return _CLEAN

    def failed(self, now: float, *, alone: bool = False, answers_others: bool = False) -> Breaker:
        """CLOSED → OPEN at the third failure in a row, HALF-OPEN → OPEN with twice the pause.

        `alone`: the endpoint has a task type that no other endpoint serves without failures.
        `answers_others`: the endpoint fails on a few cameras only, so the breaker stays CLOSED.
        """
        failures = self.failures + 1
        if self.closed and (failures < OPEN_AFTER or answers_others):
            return replace(self, failures=failures)
        if not self.closed and now < self.open_until:
            # A call that started before the breaker opened is no new evidence.
            return replace(self, failures=failures)
        pause = min(self.pause_sec * 2 or FIRST_PAUSE_SEC, LONGEST_PAUSE_SEC)
        if alone:
            pause = min(pause, LONGEST_PAUSE_ALONE_SEC)
        return Breaker(failures, now + pause, pause)


_CLEAN: Final = Breaker()


def learned_cap(
    cap: int | None,
    *,
    timeouts: int,
    in_flight: int,
    since_change_sec: float,
    since_halved_sec: float,
    timeout_sec: float,
    answer_sec: float,
) -> int | None:
    """How many requests at once an endpoint gets, learned from its time-outs; None: no cap.

    Halved when requests time out, at most once in `timeout_sec`, because requests under way at that
    time started before. Raised by 1 when answers arrive, at most once in `answer_sec` (the mean
    time of an answer) and at most once a second, because earlier answers do not show the effect of
    the present cap. Additive increase, multiplicative decrease, as in TCP (RFC 5681).
    """
    if timeouts:
        if cap is not None and since_halved_sec < timeout_sec:
            return cap
        return max(1, min(cap or in_flight, in_flight) // 2)
    if cap is None or since_change_sec < max(_CAP_GROWS_EVERY_SEC, answer_sec):
        return cap
    return cap + 1 if cap < _LARGEST_CAP else None


def retry_delay_sec(tries: int) -> float:
    """How long a frame waits before its next attempt: 0.25 s doubling to 5 s."""
    return float(min(0.25 * 2.0 ** min(tries, 10), LONGEST_RETRY_SEC))
