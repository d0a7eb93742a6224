"""JSON numbers: 4 and 4.0 are the same integer."""

from __future__ import annotations

from typing import Any


def as_integer(value: Any) -> int | None:
    """The integer of a JSON value, or None; true and false are not integers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None
