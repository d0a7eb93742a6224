"""The pace of background work: as much rest as work, so that other work gets its turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

_SHORTEST_REST_SEC: Final = 0.005
_LONGEST_REST_SEC: Final = 0.2


def bursts(limit: float) -> Iterator[None]:
    """Yield bursts of work until `limit` (monotonic), each followed by a rest as long as the burst.

    SQLite allows a single writer, and writers of other processes try again every few milliseconds:
    without the rests they would seldom succeed.
    """
    while (began := time.monotonic()) < limit:
        yield
        took = time.monotonic() - began
        time.sleep(min(max(took, _SHORTEST_REST_SEC), _LONGEST_REST_SEC))
