"""The SQL of incidents: alarms of the past and the present, with what people did about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, text

#: Reports that are kept, of the newest alarms.
MOST_REPORTS: Final = 500
_LONGEST_REPORT: Final = 200_000  # characters
IncidentRow = Row[Any]

_COLUMNS: Final = """
    id, kind, subject, cause, cause_code, cause_args, reason_code, reason_args,
    coalesce(began_at, raised_at) AS began_at, raised_at, told_at, over_at,
    acknowledged_by, acknowledged_at
"""
_PAGE: Final = text(f"""
    SELECT {_COLUMNS} FROM alarms WHERE id < :before ORDER BY id DESC LIMIT :most
""")  # noqa: S608
_RINGING: Final = text(f"""
    SELECT {_COLUMNS} FROM alarms WHERE over_at IS NULL ORDER BY raised_at, id
""")  # noqa: S608
_GET: Final = text(f"SELECT {_COLUMNS} FROM alarms WHERE id = :id")  # noqa: S608
# The first person counts.
_ACKNOWLEDGE: Final = text("""
    UPDATE alarms SET acknowledged_by = :by, acknowledged_at = :now
     WHERE id = :id AND acknowledged_at IS NULL
""")
_NOTES: Final = text("""
    SELECT id, alarm_id, noted_by, noted_at, text FROM alarm_notes
     WHERE alarm_id IN :ids ORDER BY id
""").bindparams(bindparam("ids", expanding=True))
_COUNT_NOTES: Final = text("SELECT count(*) FROM alarm_notes WHERE alarm_id = :id")
_ADD_NOTE: Final = text("""
    INSERT INTO alarm_notes (alarm_id, noted_by, noted_at, text) VALUES (:id, :by, :now, :text)
""")
_REPORT: Final = text("""
    SELECT language, markdown FROM alarm_reports WHERE alarm_id = :id
""")
_NEWEST_OF: Final = text("""
    SELECT max(id) FROM alarms WHERE kind = :kind AND subject = :subject
""")
_KEEP_REPORT: Final = text("""
    INSERT INTO alarm_reports (alarm_id, language, markdown) VALUES (:id, :language, :markdown)
        ON CONFLICT (alarm_id, language) DO NOTHING
""")
_TRIM_REPORTS: Final = text("""
    DELETE FROM alarm_reports
     WHERE alarm_id <= (SELECT coalesce(max(id), 0) FROM alarms) - :most
        OR alarm_id NOT IN (SELECT id FROM alarms)
""")
_TRIM_NOTES: Final = text("""
    DELETE FROM alarm_notes WHERE alarm_id NOT IN (SELECT id FROM alarms)
""")
_BEYOND_ALL: Final = 2**63 - 1


class Note(NamedTuple):
    """A note of a person about an alarm."""

    by: str
    at: float  # Unix seconds
    text: str


def page(conn: Connection, most: int, before: int | None = None) -> list[IncidentRow]:
    """The newest alarms with ids below `before`, ringing or over."""
    values = {"before": before or _BEYOND_ALL, "most": most}
    return list(conn.execute(_PAGE, values))


def ringing(conn: Connection) -> list[IncidentRow]:
    """The alarms that ring, in the order they were raised."""
    return list(conn.execute(_RINGING))


def get(conn: Connection, alarm_id: int) -> IncidentRow | None:
    """The alarm with this id, or None."""
    return conn.execute(_GET, {"id": alarm_id}).first()


def acknowledge(conn: Connection, alarm_id: int, by: str, now: float) -> bool:
    """Record that a person knows of an alarm; false when another person did before."""
    return conn.execute(_ACKNOWLEDGE, {"id": alarm_id, "by": by, "now": now}).rowcount > 0


def notes(conn: Connection, ids: Sequence[int]) -> dict[int, list[Note]]:
    """The notes of alarms by alarm, in order of time."""
    found: dict[int, list[Note]] = {}
    for row in conn.execute(_NOTES, {"ids": list(ids)}) if ids else ():
        found.setdefault(row.alarm_id, []).append(Note(row.noted_by, row.noted_at, row.text))
    return found


def count_notes(conn: Connection, alarm_id: int) -> int:
    """How many notes an alarm has."""
    number: int = conn.execute(_COUNT_NOTES, {"id": alarm_id}).scalar_one()
    return number


def add_note(conn: Connection, alarm_id: int, note: Note) -> None:
    """Add a note to an alarm."""
    values = {"id": alarm_id, "by": note.by, "now": note.at, "text": note.text}
    conn.execute(_ADD_NOTE, values)


def reports(conn: Connection, alarm_id: int) -> dict[str, str]:
    """The report of an alarm in Markdown, by language; empty when it was not kept."""
    return {row.language: row.markdown for row in conn.execute(_REPORT, {"id": alarm_id})}


def keep_report(conn: Connection, kind: str, subject: str, markdown: Mapping[str, str]) -> None:
    """Keep the report of the newest alarm of a kind and subject; a report that is kept stays."""
    alarm_id = conn.execute(_NEWEST_OF, {"kind": kind, "subject": subject}).scalar()
    if alarm_id is None or not markdown:
        return
    rows = [
        {"id": alarm_id, "language": language, "markdown": report[:_LONGEST_REPORT]}
        for language, report in markdown.items()
    ]
    conn.execute(_KEEP_REPORT, rows)


def trim(conn: Connection) -> int:
    """Delete reports of older alarms, reports and notes of deleted alarms; returns how many."""
    deleted = conn.execute(_TRIM_REPORTS, {"most": MOST_REPORTS}).rowcount
    return deleted + conn.execute(_TRIM_NOTES).rowcount
