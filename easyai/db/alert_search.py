"""The SQL of the dashboard's lists of alerts: the newest first, without the alerts of the system.

A choice that no index knows (service, score, reviewed) reads a bounded number of alerts a call, and
a bounded number of index entries to find these alerts; so does a list of a busy camera. A part may
therefore have fewer alerts than asked for, or none, and yet not be the last part.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import alert_lists, alert_parts
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.db.alerts import AlertRow
from easyai.domain.alarm_as_alert import TASK_ID

#: Alerts that a call reads to count them.
_READ_TO_COUNT: Final = 24_576
#: How many alerts a call counts.
MOST_COUNTED: Final = 1000
#: Index entries that a call reads to find alerts, such as of a rare type; and those to count them.
_ENTRIES: Final = 16_384
_ENTRIES_TO_COUNT: Final = 40_960
#: Alerts of a camera beyond which a list of this camera has no total.
_COUNTED: Final = 20_000
_OF_SYSTEM: Final = "SELECT count(*) FROM alerts WHERE task_id = 'system' {where}"
_OF_NEWEST: Final = "SELECT count(*) FROM alerts WHERE id > :id {where}"
_OLDER: Final = """
    SELECT id FROM alerts {index}
     WHERE id < :id AND id >= :id - 20000 {where} ORDER BY id DESC LIMIT 1
"""
_NEWER: Final = """
    SELECT id FROM alerts {index}
     WHERE id > :id AND id <= :id + 20000 {where} ORDER BY id LIMIT 1
"""
_BEYOND_ALL: Final = 2**63 - 1


class CountedAlerts(NamedTuple):
    """A part of a list that was counted."""

    alerts: int
    next: int | None  # `before` of the next part; None: this is the last part


class FoundAlerts(NamedTuple):
    """A part of a list."""

    rows: list[AlertRow]  # newest first; may be empty although there is a next part
    total: int | None  # None: counting would read every alert
    next: int | None  # `before` of the next part; None: this is the last part
    at_least: int | None = None  # of a busy camera: a number below the total


def page(
    conn: Connection, choice: AlertChoice, limit: int, before: int | None = None
) -> FoundAlerts:
    """The alerts with ids below `before`.

    The total and the alerts agree only within `Database.snapshot`.
    """
    at_least = _at_least(conn, choice.plain) if choice.is_plain else None
    if choice.is_plain and at_least is None:
        found = alert_lists.page(conn, choice.plain, limit, before=before or _BEYOND_ALL)
        rows = [row for row in found.rows if row.task_id != TASK_ID]
        return FoundAlerts(rows, found.total - _of_system(conn, choice.plain), found.next)
    last = alert_parts.last(conn, choice, before)
    place = alert_parts.spans(conn, choice.plain, last, _ENTRIES)
    ids, end = alert_parts.found(conn, choice, limit, place, alert_parts.READ)
    rows = [row for row in alert_lists.rows(conn, ids) if row.task_id != TASK_ID]
    return FoundAlerts(rows, None, end, at_least)


def count(conn: Connection, choice: AlertChoice, before: int | None = None) -> CountedAlerts:
    """Count the newest alerts with ids below `before`: up to `MOST_COUNTED`, by bounded reads."""
    last = alert_parts.last(conn, choice, before)
    place = alert_parts.spans(conn, choice.plain, last, _ENTRIES_TO_COUNT)
    ids, end = alert_parts.found(conn, choice, MOST_COUNTED, place, _READ_TO_COUNT)
    of_system = alert_parts.of_system(conn, choice, (ids[-1], ids[0])) if ids else 0
    return CountedAlerts(len(ids) - of_system, end)


def _at_least(conn: Connection, wanted: AlertFilter) -> int | None:
    """The wanted alerts among the newest of a busy camera; None: the list is counted whole."""
    if wanted.task_id is None:
        return None
    first = alert_lists.after_newest(conn, wanted.task_id, 0, _BEYOND_ALL, _COUNTED)
    if first is None:
        return None
    where, values = wanted.conditions()
    statement = text(_OF_NEWEST.format(where=where))
    count: int = conn.execute(statement, {**values, "id": first}).scalar_one()
    return count


def _of_system(conn: Connection, wanted: AlertFilter) -> int:
    """The alerts of the system that a list of all task types has."""
    if not alert_parts.has_system(wanted):
        return 0
    where, values = wanted.conditions()
    count: int = conn.execute(text(_OF_SYSTEM.format(where=where)), values).scalar_one()
    return count


def neighbours(
    conn: Connection, alert_id: int, wanted: AlertFilter
) -> tuple[int | None, int | None]:
    """The next older and the next newer alert of a list, within 20,000 ids; None: none."""
    where, values = wanted.conditions()
    index = alert_parts.narrow(conn, wanted)
    where += "" if wanted.task_id is not None else f" AND task_id <> '{TASK_ID}'"
    older, newer = (
        conn.execute(
            text(sql.format(index=index, where=where)), {**values, "id": alert_id}
        ).scalar()
        for sql in (_OLDER, _NEWER)
    )
    return older, newer
