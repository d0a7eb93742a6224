"""When a message that arrived is too old: by the database's clock, not by two machines' own.

Celery compares the sender's clock with the worker's. Between machines whose clocks differ by more
than `expires`, every tick and every wake would be dropped unseen.
"""

# Celery says it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery.worker import request

from easyai.tasks.expiry import CLOCK_OFFSET_HEADER
from easyai.tasks.process import process_of


class Request(request.Request):  # type: ignore[misc]
    """A task that was received; it expires by the database's clock where its sender knew that."""

    _app: Any
    _expires: datetime | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sent_sec = self._request_dict.get(CLOCK_OFFSET_HEADER)
        if self._expires is None or sent_sec is None:
            return
        own_sec = process_of(self._app).clock_offset_sec()
        # Not known yet: what is too old does no harm, for each duty is claimed (tasks/claim.py).
        self._expires = (
            None if own_sec is None else self._expires + timedelta(seconds=own_sec - sent_sec)
        )
