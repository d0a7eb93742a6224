"""The last transaction of a dispatcher, and its transactions of the last minute."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final

_WINDOW_SEC: Final = 60
_SLICE_SEC: Final = 5
_SLICES: Final = _WINDOW_SEC // _SLICE_SEC


class RecentTransactions:
    """Written by the dispatcher's loop after each transaction, read from any thread."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last: tuple[float, float, int, int] | None = None  # ended, took_sec, leased, settled
        # Slice number, transactions, leased, settled. Tuples are replaced, never changed:
        # readers need no lock.
        self._slices: deque[tuple[int, int, int, int]] = deque(maxlen=_SLICES)

    def count(self, began: float, leased: int, settled: int) -> None:
        """Count a transaction that has just ended; `began` is monotonic."""
        now = time.monotonic()
        self._last = (now, now - began, leased, settled)
        number = int(now // _SLICE_SEC)
        transactions = 1
        if self._slices and self._slices[-1][0] == number:
            _, before, leased_before, settled_before = self._slices.pop()
            transactions, leased, settled = (
                1 + before,
                leased + leased_before,
                settled + settled_before,
            )
        self._slices.append((number, transactions, leased, settled))

    def overview(self) -> dict[str, Any]:
        """The last transaction, and rates over the last minute."""
        now = time.monotonic()
        recent = [
            time_slice
            for time_slice in list(self._slices)
            if time_slice[0] > int(now // _SLICE_SEC) - _SLICES
        ]
        seconds = max(1.0, min(now - self._began, float(_WINDOW_SEC)))
        return {
            "last_transaction": None if self._last is None else _transaction(now, *self._last),
            "last_minute": {
                "transactions": sum(time_slice[1] for time_slice in recent),
                "frames_sent": sum(time_slice[2] for time_slice in recent),
                "frames_settled": sum(time_slice[3] for time_slice in recent),
                "frames_settled_per_sec": round(
                    sum(time_slice[3] for time_slice in recent) / seconds, 2
                ),
            },
        }


def _transaction(
    now: float, ended: float, took_sec: float, leased: int, settled: int
) -> dict[str, Any]:
    return {
        "seconds_ago": round(now - ended, 2),
        "took_ms": round(took_sec * 1000, 1),
        "frames_leased": leased,
        "frames_settled": settled,
    }
