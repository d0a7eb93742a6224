"""The SQL of mutes: alarms of which people are not notified for a while."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, text

from easyai.domain.mute import Mute, Scope

_ADD: Final = text("""
    INSERT INTO mutes (scope, value, until_at, muted_by, muted_at)
    VALUES (:scope, :value, :until, :by, :now) RETURNING id
""")
# The mute of an alarm ends with the alarm: a later alarm of the same kind is another alarm.
_ACTIVE: Final = text("""
    SELECT mutes.id, scope, value, until_at, muted_by, muted_at, kind, subject
      FROM mutes LEFT JOIN alarms
        ON scope = 'incident' AND alarms.id = CASE WHEN scope = 'incident'
                                                   THEN CAST(value AS BIGINT) END
       AND alarms.over_at IS NULL
     WHERE until_at > :now ORDER BY mutes.id
""")
# Endpoints that serve this type and no other.
_SERVING: Final = text("""
    SELECT endpoint FROM services JOIN service_task_types ON service_pk = pk
     GROUP BY endpoint HAVING count(*) = 1 AND min(task_type) = :task_type
""")
_DELETE: Final = text("DELETE FROM mutes WHERE id = :id")
_TRIM: Final = text("DELETE FROM mutes WHERE until_at < :before")


def add(conn: Connection, mute: Mute) -> int:
    """Add a mute; returns its id."""
    values = {
        "scope": str(mute.scope),
        "value": mute.value,
        "until": mute.until,
        "by": mute.by,
        "now": mute.at,
    }
    number: int = conn.execute(_ADD, values).scalar_one()
    return number


def active(conn: Connection, now: float) -> list[Mute]:
    """The mutes that are not over, in the order they were made."""
    rows = conn.execute(_ACTIVE, {"now": now}).all()
    return [_mute(conn, row) for row in rows if row.scope in list(Scope) and _covers(row)]


def _covers(row: Row[Any]) -> bool:
    return row.scope != Scope.INCIDENT or row.kind is not None


def _mute(conn: Connection, row: Row[Any]) -> Mute:
    scope, endpoints = Scope(row.scope), frozenset[str]()
    if scope is Scope.TASK_TYPE:
        endpoints = frozenset(conn.execute(_SERVING, {"task_type": row.value}).scalars())
    alarm = (row.kind or "", row.subject or "")
    place = (row.until_at, row.muted_by, row.muted_at, row.id)
    return Mute(scope, row.value, *place, alarm, endpoints)


def delete(conn: Connection, number: int) -> bool:
    """End a mute; false when there is no such mute."""
    return conn.execute(_DELETE, {"id": number}).rowcount > 0


def trim(conn: Connection, before: float) -> int:
    """Delete the mutes that were over before a moment; returns how many."""
    return conn.execute(_TRIM, {"before": before}).rowcount
