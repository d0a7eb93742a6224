"""The sender's clock in a message: tasks/request.py judges by it whether the message is too old.

`expires` itself stays what Celery makes of it: RabbitMQ's time to live is counted from it.
"""

from __future__ import annotations

from typing import Any, Final

CLOCK_OFFSET_HEADER: Final = "clock_offset_sec"


def dated(headers: dict[str, Any] | None, offset_sec: float | None) -> dict[str, Any]:
    """The headers of a message, with the seconds by which its sender's clock is ahead.

    Ahead of the database's clock; without them where the sender does not know.
    """
    known = {} if offset_sec is None else {CLOCK_OFFSET_HEADER: offset_sec}
    return {**(headers or {}), **known}
