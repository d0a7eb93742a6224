"""The SQL that finds the next alerts of a choice by bounded reads, the newest first.

A choice that no index knows (service, score, reviewed) reads a bounded number of alerts a call, and
a bounded number of index entries to find these alerts.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from easyai.db import alert_counts, alert_lists
from easyai.db.alert_filter import AlertChoice, AlertFilter

Span = tuple[int, int]  # the first and the last id
# Spans, newest first, and the id before which to go on after them; None: there are no more.
Spans = tuple[list[Span], int | None]

#: Alerts that a call reads for a choice that no index knows.
READ: Final = 4096
_LEAST: Final = 1024  # entries that take as long as the statements of a span
# The inner list is bounded, whatever the choice: the rows of at most `READ` alerts are read.
_FOUND: Final = """
    SELECT id FROM (
        SELECT {columns} FROM alerts {index}
         WHERE id BETWEEN :first_id AND :last_id {where} ORDER BY id DESC LIMIT :read
    ) AS read WHERE {extra} ORDER BY id DESC LIMIT :most
"""
_END: Final = """
    SELECT min(id) AS first_id, count(*) AS number FROM (
        SELECT id FROM alerts {index}
         WHERE id BETWEEN :first_id AND :last_id {where} ORDER BY id DESC LIMIT :read
    ) AS read
"""
_NEWEST_MARKED: Final = text("SELECT max(alert_id) FROM alert_reviews WHERE alert_id < :before")
_OF_SYSTEM: Final = """
    SELECT count(*) FROM (
        SELECT id, algorithm_id, confidence FROM alerts
         WHERE task_id = 'system' AND id BETWEEN :first_id AND :last_id {where}
    ) AS read WHERE {extra}
"""
_BEYOND_ALL: Final = 2**63 - 1


def last(conn: Connection, choice: AlertChoice, before: int | None) -> int:
    """The id with which a part begins: of an alert that has a mark, if only these are wanted."""
    last = (_BEYOND_ALL if before is None else before) - 1
    if not choice.reviewed:
        return last
    newest = conn.execute(_NEWEST_MARKED, {"before": last + 1}).scalar()
    return min(last, newest or 0)


def spans(conn: Connection, plain: AlertFilter, last: int, entries: int) -> Spans:
    """Spans of ids that hold wanted alerts, newest first, with at most `entries` index entries."""
    if plain.task_id is not None:
        return spans_of_camera(conn, plain, plain.task_id, last, entries)
    spans, left = [], entries
    for block in alert_counts.blocks(conn, plain):  # leaves out blocks without wanted alerts
        newest = min(block.last_id, last)
        if newest < block.first_id:
            continue
        first = max(block.first_id, newest - left + 1)
        spans.append((first, newest))
        left -= max(newest - first + 1, _LEAST)
        if left <= 0:
            return spans, first
    return spans, None


def spans_of_camera(
    conn: Connection, plain: AlertFilter, task_id: str, last: int, most: int
) -> Spans:
    """The next span of a camera, with at most `most` index entries, unless each is wanted."""
    if plain == AlertFilter(task_id=task_id):  # each entry is wanted
        return [(0, last)], None
    return bounded_span(conn, task_id, last, most)


def bounded_span(conn: Connection, task_id: str, last: int, most: int) -> Spans:
    """The next span of a camera, with at most `most` index entries."""
    first = alert_lists.after_newest(conn, task_id, 0, last, most - 1)
    return [(first or 0, last)], first


def found(
    conn: Connection, choice: AlertChoice, limit: int, place: Spans, left: int
) -> tuple[list[int], int | None]:
    """The ids of the next alerts in spans, and where the next part begins; None: there is none.

    Reads at most `left` alerts.
    """
    spans, rest = place
    ids: list[int] = []
    for span in spans:
        ids_there, end, read = _in_span(conn, choice, limit - len(ids), left, span)
        ids += ids_there
        left -= read
        if len(ids) == limit:
            return ids, ids[-1]
        if end is not None:  # also when `left` is used up
            return ids, end
    return ids, rest


def _in_span(
    conn: Connection, choice: AlertChoice, limit: int, most: int, span: Span
) -> tuple[list[int], int | None, int]:
    """The ids in a span of ids, of the newest `most` alerts there.

    Also returns the id before which to go on (None: the span was read to its end), and how many
    alerts were read.
    """
    where, values = choice.plain.conditions()
    extra, more = choice.extra()
    index = narrow(conn, choice.plain, choice.columns == "id")
    place = {"first_id": span[0], "last_id": span[1], "read": most}
    found = text(_FOUND.format(columns=choice.columns, index=index, where=where, extra=extra))
    ids = list(conn.execute(found, {**values, **more, **place, "most": limit}).scalars())
    if len(ids) == limit:
        return ids, ids[-1], most
    end = conn.execute(text(_END.format(index=index, where=where)), {**values, **place}).one()
    return ids, end.first_id if end.number == most else None, end.number


def has_system(wanted: AlertFilter) -> bool:
    """Whether alerts of the system may be among the wanted ones."""
    return wanted.task_id is None and (wanted.min_detections or 0) <= 0


def of_system(conn: Connection, choice: AlertChoice, span: Span) -> int:
    """The alerts of the system that a choice has within two ids."""
    if not has_system(choice.plain):
        return 0
    where, values = choice.plain.conditions()
    extra, more = choice.extra()
    statement = text(_OF_SYSTEM.format(where=where, extra=extra))
    place = {"first_id": span[0], "last_id": span[1]}
    number: int = conn.execute(statement, {**values, **more, **place}).scalar_one()
    return number


def narrow(conn: Connection, wanted: AlertFilter, needs_only_ids: bool = False) -> str:
    """Names the narrow index for a list by type, detections or time, whose rows are large.

    For a list of all, too, if nothing of the rows is needed.
    """
    is_wide = (wanted == AlertFilter() and not needs_only_ids) or wanted.task_id is not None
    return "" if is_wide else alert_counts.BY_INDEX[conn.dialect.name]
