"""When the frames that came in go to the dispatcher together.

A transaction costs as much for one frame as for some. So while frames come in steadily, a single
frame waits for the next frame, and that is all: half of the frames hardly wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

# What a writer does with a frame (create, close, rename) comes within this time.
_TOGETHER_SEC: Final = 0.003
_NEXT_SEC: Final = 0.045  # the longest wait of a single frame for the next frame
_MORE_SEC: Final = 0.01  # how long two frames wait for more
_BETWEEN_SEC: Final = 0.028  # from the beginning of a transaction to the next, at least
_STEADY: Final = 15.0  # frames in a second, from which a single frame waits for the next frame


class Gathering:
    """The frames that wait for a transaction; all times are monotonic seconds."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._due_at = math.inf
        self._began_at = -math.inf  # the last transaction
        self._word_at = -math.inf  # of the first frame that waits
        self._in_a_second, self._counted_at = 0.0, 0.0  # fades, so it follows the rate

    def wait_sec(self, now: float) -> float:
        """For how long to wait for word of a further frame; infinite while no frame waits."""
        return max(0.0, self._due_at - now)

    def pause_sec(self, now: float) -> float:
        """From word of a frame until it is read with all that comes meanwhile."""
        if self._keys:
            return min(_MORE_SEC, self.wait_sec(now))
        self._word_at = now
        return max(_TOGETHER_SEC, self._began_at + _BETWEEN_SEC - now)

    def add(self, keys: Iterable[str], now: float) -> None:
        """Add frames that came in."""
        before = len(self._keys)
        self._keys.update(dict.fromkeys(keys))
        new = len(self._keys) - before
        if not new:
            return
        self._in_a_second = new + self._in_a_second * math.exp(self._counted_at - now)
        self._counted_at = now
        waits = len(self._keys) == 1 and self._in_a_second >= _STEADY
        self._due_at = max(now, self._word_at + _NEXT_SEC) if waits else now

    def take(self, now: float) -> list[str]:
        """The frames of a transaction that begins now; none when it is not time yet."""
        if now < self._due_at:
            return []
        keys, self._keys = list(self._keys), {}
        self._due_at, self._began_at = math.inf, now
        return keys
