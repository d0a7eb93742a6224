"""An endpoint's circuit breaker and the waits between attempts of a frame.

CLOSED → OPEN after three failures in a row (broken answers: on three cameras, or of an endpoint
that has answered nothing else for a while); OPEN → HALF-OPEN when its pause is over: one trial
request; HALF-OPEN → CLOSED on success, → OPEN again with a doubled pause on failure. Where no other
endpoint of a task type works the pauses stay short: its frames wait for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

OPEN_AFTER: Final = 3  # failures in a row
#: An endpoint that has answered a frame within this time is not judged by one or two cameras.
ANSWERED_LATELY_SEC: Final = 5.0
#: For which a request waits for its connection.
CONNECT_TIMEOUT_SEC: Final = 5.0
FIRST_PAUSE_SEC: Final = 5.0
LONGEST_PAUSE_SEC: Final = 60.0
LONGEST_PAUSE_ALONE_SEC: Final = 10.0  # while a task type has no endpoint that works
LONGEST_RETRY_SEC: Final = 5.0
_CAP_GROWS_EVERY_SEC: Final = 1.0
_LARGEST_CAP: Final = 1000  # above it there is no need for one


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of one endpoint; times in Unix seconds."""

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
        return max(0, 1 - in_flight)  # HALF-OPEN: one trial

    def succeeded(self) -> Breaker:
        """HALF-OPEN → CLOSED, or stays CLOSED with its count of failures cleared."""
        return _CLEAN

    def failed(self, now: float, *, alone: bool = False, answers_others: bool = False) -> Breaker:
        """CLOSED → OPEN at the third failure in a row, HALF-OPEN → OPEN with twice the pause.

        `alone`: the endpoint has a task type that no other one serves without failing.
        `answers_others`: it fails on a few cameras only, so that it stays CLOSED.
        """
        failures = self.failures + 1
        if self.closed and (failures < OPEN_AFTER or answers_others):
            return replace(self, failures=failures)
        if not self.closed and now < self.open_until:
            # A straggler that started before the breaker opened tells nothing new.
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
    """How many requests at once an endpoint is given, as its time-outs teach; None: no cap.

    Halved when requests time out, once for each `timeout_sec` at most, for those under way then
    started before. One more with answers, once for each `answer_sec` (the mean time of an answer)
    and second at most: before that nothing has been seen of the cap there is. Additive increase,
    multiplicative decrease, as TCP does it (RFC 5681).
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
