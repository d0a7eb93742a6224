"""Several things at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_MOST = 8  # at once


def together(*calls: Callable[[], object]) -> None:
    """Make the calls at the same time; return after all calls, or raise the error of a call."""
    with ThreadPoolExecutor(_MOST) as pool:
        for made in [pool.submit(call) for call in calls]:
            made.result()
