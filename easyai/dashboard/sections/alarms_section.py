"""The alarms that ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from easyai.dashboard.sections.section import Shown
from easyai.db import alarms, live_rows
from easyai.domain.alarm import AlarmKind
from easyai.domain.reason import Reason
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text

_MOST: Final = 200
# Frames are not inferred, or not kept; the others threaten or slow inference.
_BAD: Final = frozenset(
    {
        AlarmKind.NO_ALGORITHM,
        AlarmKind.INFERENCE_STALLED,
        AlarmKind.STORE_DOWN,
        AlarmKind.DATA_MOVED,
    }
)


class AlarmsSection:
    """The alarms that ring, in the order they were raised."""

    name = "alarms"

    def __init__(self) -> None:
        self._rows: Sequence[Row[Any]] = ()

    def read(self, conn: Connection, now: float) -> None:
        """Read the alarms that ring."""
        self._rows = live_rows.ringing(conn, _MOST)

    def show(self, language: str) -> Shown:
        """The alarms, each with its kind, subject and cause in words."""
        return Shown([_entry(row, language) for row in self._rows])


def _entry(row: Row[Any], language: str) -> dict[str, Any]:
    subject, cause = hide_credentials(row.subject), alarms.cause_of(row).quoting(hide_credentials)
    what = Reason.of(
        "timeline.alarm",
        kinds=(row.kind,),
        subjects=Reason.of("timeline.alarm_subjects", names=(subject,)) if subject else None,
        cause=Reason.of("timeline.alarm_cause", cause=cause) if cause else None,
    )
    return {
        "id": row.id,
        "kind": row.kind,
        "subject": subject,
        "text": text(what, language),
        "began_at": row.began_at,
        "severity": "bad" if row.kind in _BAD else "warn",
        "acknowledged_by": None,
        "muted_until": None,
    }
