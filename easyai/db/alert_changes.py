"""The SQL of a change of all alerts of a choice, without the alerts of the system.

A preview counts the alerts once. A change, and an export, take them part by part, newest first; a
part costs the same, however many alerts there are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import alert_counts, alert_parts
from easyai.db.alert_filter import AlertChoice, AlertFilter
from easyai.db.alert_parts import Span, Spans
from easyai.domain.alarm_as_alert import TASK_ID

# Index entries that a part reads, and those that a call reads to count.
_ENTRIES: Final = 8192
_ENTRIES_TO_COUNT: Final = 40_960
_CHOSEN: Final = """
    SELECT count(*) FROM (
        SELECT {columns} FROM alerts {index} WHERE id BETWEEN :first_id AND :last_id {where}
    ) AS read WHERE {extra}
"""
_IDS_OF_SYSTEM: Final = text("""
    SELECT id FROM alerts WHERE task_id = 'system' AND id BETWEEN :first_id AND :last_id
""")
_NEWEST_ID: Final = text("SELECT max(id) FROM alerts WHERE id <= :last_id")
_LARGEST_ID: Final = 2**63 - 1


class ChosenAlerts(NamedTuple):
    """Alerts that a change of all alerts of a choice would take."""

    alerts: int
    next: int | None  # `before` of the next part; None: this is the last part


def newest(conn: Connection, last: int = _LARGEST_ID) -> int:
    """The id of the newest alert, up to an id; 0: there is none."""
    return int(conn.execute(_NEWEST_ID, {"last_id": last}).scalar() or 0)


def count(conn: Connection, choice: AlertChoice, before: int | None = None) -> ChosenAlerts:
    """Count the alerts with ids below `before`: all of them, if an index knows the choice."""
    plain = choice.plain
    if plain.task_id == TASK_ID:
        return ChosenAlerts(0, None)
    if choice.is_plain and plain.task_id is None:
        return _count_kept(conn, choice)
    last = alert_parts.last(conn, choice, before)
    if choice.is_plain:
        place: Spans = ([(0, last)], None)
    elif plain.task_id is not None:  # rows are read, so the camera's alone are too many
        place = alert_parts.bounded_span(conn, plain.task_id, last, _ENTRIES_TO_COUNT)
    else:
        place = alert_parts.spans(conn, plain, last, _ENTRIES_TO_COUNT)
    return ChosenAlerts(sum(_count_in(conn, choice, span) for span in place[0]), place[1])


def ids(
    conn: Connection, choice: AlertChoice, limit: int, before: int
) -> tuple[list[int], int | None]:
    """The ids of the next alerts below `before`, newest first, and `before` of the next part.

    There may be fewer than `limit`, or none, before the last part, whose `before` is None.
    """
    if choice.plain.task_id == TASK_ID:
        return [], None
    place = _next_spans(conn, choice.plain, alert_parts.last(conn, choice, before))
    found, end = alert_parts.found(conn, choice, limit, place, alert_parts.READ)
    if found and alert_parts.has_system(choice.plain):
        bounds = {"first_id": found[-1], "last_id": found[0]}
        of_system = set(conn.execute(_IDS_OF_SYSTEM, bounds).scalars())
        found = [alert_id for alert_id in found if alert_id not in of_system]
    return found, end


def _count_kept(conn: Connection, choice: AlertChoice) -> ChosenAlerts:
    """Count by the counts that the database keeps of blocks."""
    blocks = alert_counts.blocks(conn, choice.plain)
    spans: list[Span] = [(block.first_id, block.last_id) for block in blocks]
    number = sum(block.alerts for block in blocks)
    if spans:
        number -= alert_parts.of_system(conn, choice, (spans[-1][0], spans[0][1]))
    return ChosenAlerts(number, None)


def _count_in(conn: Connection, choice: AlertChoice, span: Span) -> int:
    where, values = choice.plain.conditions()
    extra, more = choice.extra()
    index = alert_parts.narrow(conn, choice.plain, choice.columns == "id")
    statement = text(_CHOSEN.format(columns=choice.columns, index=index, where=where, extra=extra))
    place = {"first_id": span[0], "last_id": span[1]}
    number: int = conn.execute(statement, {**values, **more, **place}).scalar_one()
    return number - alert_parts.of_system(conn, choice, span) if number else 0


def _next_spans(conn: Connection, plain: AlertFilter, last: int) -> Spans:
    """The next span; unlike that of a list, its cost ignores how many alerts there are."""
    if plain.task_id is not None:
        return alert_parts.spans_of_camera(conn, plain, plain.task_id, last, _ENTRIES)
    if not (found := newest(conn, last)):
        return [], None
    first = found - _ENTRIES + 1
    return [(first, found)], first if first > 1 else None
