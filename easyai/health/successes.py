"""When frames of each type succeeded: sums over ten seconds, for the last hour.

A thousand busy types have 360,000 such sums. A watchdog that read all of them every two seconds
would take a fifth of a core.
"""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import Connection

from easyai.db import diagnosis_facts as rows
from easyai.db.diagnosis_facts import Succeeded, Successes
from easyai.db.statistics import BUCKET_SEC
from easyai.runtime import Runtime

_RENEW_SEC: Final = 60.0
_FEW: Final = 5000  # up to so many sums are read anew each time
_OPEN_SEC: Final = 3 * BUCKET_SEC  # younger sums may still grow; this allows for clocks that differ


class SuccessMemory:
    """Caches the older sums for a minute when there are many, and reads only the newest sums."""

    def __init__(self, runtime: Runtime) -> None:
        del runtime  # each process has its own memory
        self._closed: tuple[float, float, dict[str, Succeeded]] | None = None

    def read(self, conn: Connection, now: float) -> dict[str, Successes]:
        """The successes by task type, without any that a wrong clock put in the future."""
        until, older = self._older(conn, now)
        successes = dict(older)
        for name, newer in rows.succeeded(conn, now, after=until).items():
            before = older.get(name)
            successes[name] = before.and_then(newer) if before else newer
        return {name: sums.as_of(now) for name, sums in successes.items()}

    def _older(self, conn: Connection, now: float) -> tuple[float, dict[str, Succeeded]]:
        """A moment, and the sums up to that moment."""
        kept, moment = self._closed, time.monotonic()
        if kept and moment - kept[0] < _RENEW_SEC and 0 <= now - kept[1] < 2 * _RENEW_SEC:
            return kept[1], kept[2]
        until = now - _OPEN_SEC
        older = rows.succeeded(conn, now, until=until)
        many = sum(sums.count for sums in older.values()) > _FEW
        self._closed = (moment, until, older) if many else None
        return until, older
