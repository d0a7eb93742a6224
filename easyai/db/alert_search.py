"""The SQL of the dashboard's lists of alerts: the newest first, without the alerts of the system.

A choice that no index knows (service, score, reviewed) reads a bounded number of alerts a call, and
a bounded number of index entries to find these alerts; so does a list of a busy camera. A part may
therefore have fewer alerts than asked for, or none, and yet not be the last part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import alert_counts, alert_lists
from easyai.db.alert_filter import AlertFilter
from easyai.db.alerts import AlertRow
from easyai.domain.alarm_as_alert import TASK_ID

#: Alerts that a call reads for a choice that no index knows.
_READ: Final = 4096
#: Alerts that a call reads to count them.
_READ_TO_COUNT: Final = 24_576
#: How many alerts a call counts.
MOST_COUNTED: Final = 1000
#: Index entries that a call reads to find alerts, such as of a rare type; and those to count them.
_ENTRIES: Final = 16_384
_ENTRIES_TO_COUNT: Final = 40_960
#: Alerts of a camera beyond which a list of this camera has no total.
_COUNTED: Final = 20_000
_LEAST: Final = 1024  # entries that take as long as the statements of a span
_EXTRAS: Final = (
    ("algorithm_id", "algorithm_id = :algorithm_id"),
    ("min_confidence", "confidence >= :min_confidence"),
)
_MARKED: Final = "SELECT 1 FROM alert_reviews WHERE alert_reviews.alert_id = {read}.id"
_REVIEWED: Final = {True: f"EXISTS ({_MARKED})", False: f"NOT EXISTS ({_MARKED})"}
# The inner list is bounded, whatever the choice: the rows of at most `_READ` alerts are read.
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
_OF_SYSTEM: Final = "SELECT count(*) FROM alerts WHERE task_id = 'system' {where}"
_CHOSEN_OF_SYSTEM: Final = """
    SELECT count(*) FROM (
        SELECT id, algorithm_id, confidence FROM alerts
         WHERE task_id = 'system' AND id BETWEEN :first_id AND :last_id {where}
    ) AS read WHERE {extra}
"""
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


@dataclass(frozen=True, slots=True)
class AlertChoice:
    """Which alerts the dashboard shows; None means any."""

    plain: AlertFilter = field(default_factory=AlertFilter)
    algorithm_id: str | None = None
    min_confidence: float | None = None
    reviewed: bool | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the indexes of lists know the whole choice."""
        return not any(
            value is not None for value in (self.algorithm_id, self.min_confidence, self.reviewed)
        )

    @property
    def columns(self) -> str:
        """The columns that the conditions of `extra` need; only the id is in each index."""
        is_in_rows = self.algorithm_id is not None or self.min_confidence is not None
        return "id, algorithm_id, confidence" if is_in_rows else "id"

    def extra(self, read: str = "read") -> tuple[str, dict[str, Any]]:
        """The conditions that no index knows, on the rows of `read`, and their parameters."""
        given = [(sql, name) for name, sql in _EXTRAS if getattr(self, name) is not None]
        parts = [sql for sql, _ in given]
        if self.reviewed is not None:
            parts.append(_REVIEWED[self.reviewed].format(read=read))
        return " AND ".join(parts) or "true", {name: getattr(self, name) for _, name in given}


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
    ids, end = _found(conn, choice, limit, _last(conn, choice, before), (_READ, _ENTRIES))
    rows = [row for row in alert_lists.rows(conn, ids) if row.task_id != TASK_ID]
    return FoundAlerts(rows, None, end, at_least)


def count(conn: Connection, choice: AlertChoice, before: int | None = None) -> CountedAlerts:
    """Count the newest alerts with ids below `before`: up to `MOST_COUNTED`, by bounded reads."""
    last = _last(conn, choice, before)
    most = (_READ_TO_COUNT, _ENTRIES_TO_COUNT)
    ids, end = _found(conn, choice, MOST_COUNTED, last, most)
    return CountedAlerts(len(ids) - _of_system_among(conn, choice, ids), end)


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


def _has_system(wanted: AlertFilter) -> bool:
    """Whether alerts of the system may be among the wanted ones."""
    return wanted.task_id is None and (wanted.min_detections or 0) <= 0


def _of_system(conn: Connection, wanted: AlertFilter) -> int:
    """The alerts of the system that a list of all task types has."""
    if not _has_system(wanted):
        return 0
    where, values = wanted.conditions()
    count: int = conn.execute(text(_OF_SYSTEM.format(where=where)), values).scalar_one()
    return count


def _of_system_among(conn: Connection, choice: AlertChoice, ids: list[int]) -> int:
    """The alerts of the system among consecutive alerts of a choice, which are newest first."""
    if not ids or not _has_system(choice.plain):
        return 0
    where, values = choice.plain.conditions()
    extra, more = choice.extra()
    statement = text(_CHOSEN_OF_SYSTEM.format(where=where, extra=extra))
    place = {"first_id": ids[-1], "last_id": ids[0]}
    number: int = conn.execute(statement, {**values, **more, **place}).scalar_one()
    return number


def _last(conn: Connection, choice: AlertChoice, before: int | None) -> int:
    """The id with which a part begins: of an alert that has a mark, if only these are wanted."""
    last = (before or _BEYOND_ALL) - 1
    if not choice.reviewed:
        return last
    newest = conn.execute(_NEWEST_MARKED, {"before": last + 1}).scalar()
    return min(last, newest or 0)


def _found(
    conn: Connection, choice: AlertChoice, limit: int, last: int, most: tuple[int, int]
) -> tuple[list[int], int | None]:
    """The ids of the next alerts, and where the next part begins; None: there is none.

    `most`: alerts and index entries to read.
    """
    left, entries = most
    spans, rest = _spans(conn, choice.plain, last, entries)
    ids: list[int] = []
    for span in spans:
        found, end, read = _in_span(conn, choice, limit - len(ids), left, span)
        ids += found
        left -= read
        if len(ids) == limit:
            return ids, ids[-1]
        if end is not None:  # also when `left` is used up
            return ids, end
    return ids, rest


def _spans(
    conn: Connection, plain: AlertFilter, last: int, entries: int
) -> tuple[list[tuple[int, int]], int | None]:
    """Spans of ids that hold wanted alerts, newest first, with at most `entries` index entries.

    Also returns the id before which to go on after the spans; None: there are no more spans.
    """
    if plain == AlertFilter(task_id=plain.task_id):  # each entry is wanted
        return [(0, last)], None
    if plain.task_id is not None:
        first = alert_lists.after_newest(conn, plain.task_id, 0, last, entries - 1)
        return [(first or 0, last)], first
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


def _in_span(
    conn: Connection, choice: AlertChoice, limit: int, most: int, span: tuple[int, int]
) -> tuple[list[int], int | None, int]:
    """The ids in a span of ids, of the newest `most` alerts there.

    Also returns the id before which to go on (None: the span was read to its end), and how many
    alerts were read.
    """
    where, values = choice.plain.conditions()
    extra, more = choice.extra()
    index = _narrow(conn, choice.plain, choice.columns == "id")
    place = {"first_id": span[0], "last_id": span[1], "read": most}
    found = text(_FOUND.format(columns=choice.columns, index=index, where=where, extra=extra))
    ids = list(conn.execute(found, {**values, **more, **place, "most": limit}).scalars())
    if len(ids) == limit:
        return ids, ids[-1], most
    end = conn.execute(text(_END.format(index=index, where=where)), {**values, **place}).one()
    return ids, end.first_id if end.number == most else None, end.number


def neighbours(
    conn: Connection, alert_id: int, wanted: AlertFilter
) -> tuple[int | None, int | None]:
    """The next older and the next newer alert of a list, within 20,000 ids; None: none."""
    where, values = wanted.conditions()
    index = _narrow(conn, wanted)
    where += "" if wanted.task_id is not None else f" AND task_id <> '{TASK_ID}'"
    older, newer = (
        conn.execute(
            text(sql.format(index=index, where=where)), {**values, "id": alert_id}
        ).scalar()
        for sql in (_OLDER, _NEWER)
    )
    return older, newer


def _narrow(conn: Connection, wanted: AlertFilter, needs_only_ids: bool = False) -> str:
    """Names the narrow index for a list by type, detections or time, whose rows are large.

    For a list of all, too, if nothing of the rows is needed.
    """
    is_wide = (wanted == AlertFilter() and not needs_only_ids) or wanted.task_id is not None
    return "" if is_wide else alert_counts.BY_INDEX[conn.dialect.name]
