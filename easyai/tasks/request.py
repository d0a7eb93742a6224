"""Whether a received message is too old, by the database's clock instead of two machines' clocks.

Celery compares the sender's clock with the worker's clock. Between machines whose clocks differ by
more than `expires`, the worker would silently drop every tick and every wake.
"""

# Celery ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery.worker import request

from easyai.tasks.expiry import CLOCK_OFFSET_HEADER
from easyai.tasks.process import process_of


class Request(request.Request):  # type: ignore[misc]
    """A received task; expires by the database's clock if its sender knew its clock offset."""

    _app: Any
    _expires: datetime | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sent_sec = self._request_dict.get(CLOCK_OFFSET_HEADER)
        if self._expires is None or sent_sec is None:
            return
        own_sec = process_of(self._app).clock_offset_sec()
        # Before our offset is known, the message does not expire. An old message does no harm,
        # because each task is claimed (tasks/single_run.py).
        self._expires = (
            None if own_sec is None else self._expires + timedelta(seconds=own_sec - sent_sec)
        )
