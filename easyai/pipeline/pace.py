"""The pace of work in the background: as much rest as work, so that others get their turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

_SHORTEST_REST_SEC: Final = 0.005
_LONGEST_REST_SEC: Final = 0.2


def turns(limit: float) -> Iterator[None]:
    """Turns until `limit` (monotonic), each followed by a rest as long as it took.

    SQLite has one writer, and those of other processes look for their chance every few
    milliseconds: without the rests they would seldom find it.
    """
    while (began := time.monotonic()) < limit:
        yield
        took = time.monotonic() - began
        time.sleep(min(max(took, _SHORTEST_REST_SEC), _LONGEST_REST_SEC))
