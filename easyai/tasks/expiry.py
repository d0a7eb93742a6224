"""When a message is too old: dated by the database's clock, as tasks/request.py judges it."""

from __future__ import annotations

from datetime import UTC, datetime


def expiry(moment: float, seconds: float) -> datetime:
    """What to send as `expires`: so many seconds after a moment by the database's clock."""
    return datetime.fromtimestamp(moment + seconds, UTC)
