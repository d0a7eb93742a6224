"""The answer of an algorithm about a frame: a function of its key, known to both sides."""

from __future__ import annotations

import zlib
from typing import NamedTuple

_NOTHING_UP_TO = 30  # of 100 frames
_REFUSED_FROM = 97


class Expected(NamedTuple):
    """The fate that a frame must have."""

    outcome: str  # alert, no_detection or failed
    detections: int


def expected(key: str) -> Expected:
    """The only possible fate of the frame with this key."""
    number = zlib.crc32(key.encode())
    if number % 100 < _NOTHING_UP_TO:
        return Expected("no_detection", 0)
    if number % 100 >= _REFUSED_FROM:
        return Expected("failed", 0)
    return Expected("alert", 1 + number // 100 % 4)
