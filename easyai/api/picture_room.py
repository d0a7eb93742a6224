"""Bounds the memory that pictures which clients send take: no storm of sends ends the API."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request

from easyai.api.body_limit import PICTURE_LIMIT_BYTES
from easyai.errors import BusyError
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

_ROOM_BYTES: Final = 100_000_000  # five of the largest pictures, hundreds of usual size


class PictureRoom:
    """The bytes of pictures that are read or wait to be written; for a single loop."""

    def __init__(self) -> None:
        self._taken = 0  # bytes
        self._refused = LogThrottle()

    @contextmanager
    def kept(self, request: Request) -> Iterator[None]:
        """Keep room for the body of a request during the block; raises BusyError.

        A body without a Content-Length counts as the largest picture.
        """
        length = request.headers.get("content-length", "")
        # The protocol takes digits only. A longer body is refused when the limit is reached.
        size = min(int(length), PICTURE_LIMIT_BYTES) if length else PICTURE_LIMIT_BYTES
        if self._taken + size > _ROOM_BYTES:
            self._refused.warning(
                log, "refused with 503, too many pictures at once: bytes=%d", self._taken
            )
            raise BusyError
        self._taken += size
        try:
            yield
        finally:
            self._taken -= size
