"""An alarm as the page of incidents shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from easyai.db import alarms
from easyai.db.incidents import IncidentRow, Note
from easyai.domain.alarm_severity import FAILURES
from easyai.domain.mute import Mute, muted_by
from easyai.domain.reason import Reason, from_columns
from easyai.masking import hide_credentials
from easyai.messages.catalogue import text

_MOST_SUBJECT: Final = 500  # characters


def item(
    row: IncidentRow, notes: Sequence[Note], mutes: Sequence[Mute], language: str
) -> dict[str, Any]:
    """An alarm, JSON-ready; `mutes` are in force."""
    mute = muted_by(mutes, row.kind, row.subject, [row.subject]) if row.over_at is None else None
    by = row.acknowledged_by
    return {
        "id": row.id,
        "kind": row.kind,
        "subject": hide_credentials(row.subject)[:_MOST_SUBJECT],
        "severity": "bad" if row.kind in FAILURES else "warn",
        "text": text(_title(row), language),
        "said": text(said(row), language),
        "began_at": row.began_at,
        "notified_at": row.told_at or None,  # None: a mute keeps the alarm from people
        "over_at": row.over_at,
        "acknowledged": None if by is None else {"by": by, "at": row.acknowledged_at},
        "muted_until": mute and mute.until,
        "notes": [note._asdict() for note in notes],
    }


def _title(row: IncidentRow) -> Reason:
    """The kind, the subject and the cause of an alarm, as a diagnosis lists alarms."""
    subject, cause = hide_credentials(row.subject), alarms.cause_of(row).quoting(hide_credentials)
    return Reason.of(
        "timeline.alarm",
        kinds=(row.kind,),
        subjects=Reason.of("timeline.alarm_subjects", names=(subject,)) if subject else None,
        cause=Reason.of("timeline.alarm_cause", cause=cause) if cause else None,
    )


def said(row: IncidentRow) -> Reason:
    """What people read of an alarm; its kind and cause for alarms of the release before."""
    if row.reason_code:
        return from_columns(row.reason_code, row.reason_args)
    return alarms.cause_of(row) or Reason.of("alarm_title.raised", kind=row.kind)
