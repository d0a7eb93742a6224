"""The sender's clock offset in a message, from which tasks/request.py corrects its expiry.

`expires` keeps Celery's value, because RabbitMQ's time to live is counted from it.
"""

from __future__ import annotations

from typing import Any, Final

CLOCK_OFFSET_HEADER: Final = "clock_offset_sec"


def dated(headers: dict[str, Any] | None, offset_sec: float | None) -> dict[str, Any]:
    """The headers of a message, with the seconds by which its sender's clock is ahead.

    The offset is relative to the database's clock; no header when the sender does not know it.
    """
    known = {} if offset_sec is None else {CLOCK_OFFSET_HEADER: offset_sec}
    return {**(headers or {}), **known}
