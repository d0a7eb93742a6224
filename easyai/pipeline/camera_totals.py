"""Writes the fates of frames by camera, for the dashboard, once every ten seconds.

A busy transaction has frames of many cameras, each with its own row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection

from easyai.db import camera_hours
from easyai.domain.fate import Fate
from easyai.pipeline.answers import Answered
from easyai.runtime import Runtime

_WRITE_EVERY_SEC: Final = 10.0


class CameraTotals:
    """The fates that a process has not written yet; for a single thread at a time."""

    def __init__(self, _runtime: Runtime | None = None) -> None:
        self._waiting: Counter[tuple[int, str, str, str]] = Counter()  # see `ByHour`
        self._written_at = float("-inf")  # monotonic
        self._uncommitted: tuple[Counter[tuple[int, str, str, str]], bool] = (Counter(), False)

    def add(
        self,
        conn: Connection,
        fates: Iterable[tuple[Answered, Fate]],
        given_up: Mapping[tuple[str, str, str], int],
        now: float,
        *,
        at_once: bool,
    ) -> None:
        """Take fates; write them with the waiting fates, `at_once` or every ten seconds.

        `now`: when the frames were settled, as in their rows, whose hour a requeue takes back. They
        count after `committed`. A killed process loses the counts of its last ten seconds.
        """
        hour = camera_hours.hour_of(now)
        counted = Counter(
            (hour, answer.frame.task_id, answer.frame.task_type, str(fate.outcome))
            for answer, fate in fates
            if fate.outcome is not None
        )
        counted.update({(hour, *key): count for key, count in given_up.items()})
        written = at_once or time.monotonic() - self._written_at >= _WRITE_EVERY_SEC
        self._uncommitted = counted, written
        if written and (counted or self._waiting):
            camera_hours.add_by_hour(conn, counted + self._waiting)

    def committed(self) -> None:
        """Call when the transaction of the last `add` is committed."""
        (counted, written), self._uncommitted = self._uncommitted, (Counter(), False)
        if written:
            self._waiting.clear()
            self._written_at = time.monotonic()
        else:
            self._waiting.update(counted)
