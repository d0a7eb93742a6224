"""When frames of each type succeeded: the last hour in sums of ten seconds, read with care.

A thousand busy types have 360,000 such sums; a watchdog that read them all every two seconds would
take a fifth of a core.
"""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import Connection

from easyai.db import facts as rows
from easyai.db.facts import Succeeded, Successes
from easyai.db.statistics import BUCKET_SEC
from easyai.runtime import Runtime

_RENEW_SEC: Final = 60.0
_FEW: Final = 5000  # sums that are read anew each time
_OPEN_SEC: Final = 3 * BUCKET_SEC  # sums so young may still grow, clocks that differ included


class SuccessMemory:
    """Remembers the older sums for a minute where they are many, and reads the newest."""

    def __init__(self, runtime: Runtime) -> None:
        del runtime  # one for each process that looks
        self._closed: tuple[float, float, dict[str, Succeeded]] | None = None

    def read(self, conn: Connection, now: float) -> dict[str, Successes]:
        """By task type; none that a wrong clock put ahead of now."""
        until, older = self._older(conn, now)
        successes = dict(older)
        for name, newer in rows.succeeded(conn, now, after=until).items():
            before = older.get(name)
            successes[name] = before.and_then(newer) if before else newer
        return {name: one.as_of(now) for name, one in successes.items()}

    def _older(self, conn: Connection, now: float) -> tuple[float, dict[str, Succeeded]]:
        """The sums up to a moment, and that moment."""
        kept, moment = self._closed, time.monotonic()
        if kept and moment - kept[0] < _RENEW_SEC and 0 <= now - kept[1] < 2 * _RENEW_SEC:
            return kept[1], kept[2]
        until = now - _OPEN_SEC
        older = rows.succeeded(conn, now, until=until)
        many = sum(one.count for one in older.values()) > _FEW
        self._closed = (moment, until, older) if many else None
        return until, older
