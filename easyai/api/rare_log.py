"""Warnings that anybody on the network can cause: one a minute, with a count of the rest."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

_EVERY_SEC: Final = 60.0


class RareLog:
    """Logs a warning when the last one is a minute old; not safe between threads."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged_at = float("-inf")  # monotonic
        self.left_out = 0  # since the last warning

    def due(self) -> bool:
        """Whether `warning` would log now; counts it when not."""
        due = time.monotonic() - self._logged_at >= _EVERY_SEC
        self.left_out += not due
        return due

    def warning(self, message: str, *arguments: Any) -> None:
        """Log, if it is time, with the number of warnings left out."""
        if not self.due():
            return
        self._logged_at = time.monotonic()
        if self.left_out:
            message, arguments = f"{message} (and %d more)", (*arguments, self.left_out)
        self.left_out = 0
        self._log.warning(message, *arguments)
