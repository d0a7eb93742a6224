"""The alarms that ring, with what people did about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from easyai.dashboard import incident_items
from easyai.dashboard.sections.section import Shown
from easyai.db import incidents, mutes
from easyai.db.incidents import IncidentRow
from easyai.domain.mute import Mute

_MOST: Final = 200
_SHOWN: Final = ("id", "kind", "subject", "text", "began_at", "severity", "muted_until")


class AlarmsSection:
    """The alarms that ring, in the order they were raised."""

    name = "alarms"
    rest = 0  # a few rows

    def __init__(self) -> None:
        self._rows: Sequence[IncidentRow] = ()
        self._mutes: Sequence[Mute] = ()

    def read(self, conn: Connection, now: float) -> None:
        """Read the alarms that ring, and the mutes in force."""
        self._rows = incidents.ringing(conn)[:_MOST]
        self._mutes = mutes.active(conn, now)

    def show(self, language: str) -> Shown:
        """The alarms as people read them."""
        return Shown([self._entry(row, language) for row in self._rows])

    def _entry(self, row: IncidentRow, language: str) -> dict[str, Any]:
        item = incident_items.item(row, (), self._mutes, language)
        own = {name: item[name] for name in _SHOWN}
        return own | {"acknowledged_by": row.acknowledged_by}
