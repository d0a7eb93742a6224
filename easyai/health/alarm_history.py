"""The alarms of the last day as the report tells them: the trouble, and when people were told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from easyai.db import alarms

_DAY_SEC: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """A system alarm that rings or rang."""

    kind: str
    subject: str
    cause: str
    began_at: float  # the trouble
    raised_at: float  # people were told first
    over_at: float | None  # the trouble ended; None: it goes on

    def lasted_sec(self, now: float) -> float:
        """How long the trouble lasted, so far where it goes on."""
        return (now if self.over_at is None else self.over_at) - self.began_at


def read(conn: Connection, now: float) -> tuple[AlarmRecord, ...]:
    """Those that ring, and those that were over within a day, in the order they were raised."""
    return tuple(
        AlarmRecord(row.kind, row.subject, row.cause, row.began_at, row.raised_at, row.over_at)
        for row in alarms.since(conn, now - _DAY_SEC)
    )
