"""The SQL of the histogram of alerts over time.

The newest alerts are counted one by one in the narrow index. Blocks of ids beyond them are spread
evenly over the time in which they were saved (db/alert_counts.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import alert_counts
from easyai.db.alert_filter import AlertFilter

#: Alerts that are counted one by one.
_EXACTLY: Final = 40_960
_STEPS: Final = """
    SELECT CAST({floor}((created_at - :start_time) / :step_sec) AS BIGINT) AS step,
           count(*) AS alerts
      FROM alerts {index} WHERE id BETWEEN :first_id AND :last_id {where} GROUP BY 1
"""
# SQLite cuts a cast number, PostgreSQL rounds it.
_FLOOR: Final = {"sqlite": "", "postgresql": "floor"}
_BOUNDS: Final = text("""
    SELECT min(first_at) AS first_at, max(last_at) AS last_at FROM alert_counts
     WHERE of_all = 1 AND task_type = '' AND block = :block
""")


class Histogram(NamedTuple):
    """Alerts in steps of equal length."""

    counts: list[int]
    estimated: bool  # the oldest steps are spread evenly


def histogram(
    conn: Connection, wanted: AlertFilter, since: float, step_sec: float, steps: int
) -> Histogram:
    """Count the alerts of a list by time, from `since`; the list's own times are ignored."""
    within = replace(wanted, start_time=since, end_time=None)
    found = alert_counts.blocks(conn, replace(within, task_id=None))
    counts, left, estimated = [0] * steps, _EXACTLY, False
    if wanted.task_id is not None and found:
        # The index of cameras has all that is asked for, whatever the block.
        found = [alert_counts.Block(0, found[-1].first_id, found[0].last_id)]
    for block in found:
        if left <= 0:
            estimated = True
            _spread(conn, block, counts, since, step_sec)
            continue
        left -= block.alerts
        for step, alerts in _exact(conn, within, block, step_sec):
            counts[min(step, steps - 1)] += alerts
    return Histogram(counts, estimated)


def _exact(
    conn: Connection, within: AlertFilter, block: alert_counts.Block, step_sec: float
) -> list[tuple[int, int]]:
    """Steps and numbers of the alerts of a block."""
    where, values = within.conditions()
    index = "" if within.task_id is not None else alert_counts.BY_INDEX[conn.dialect.name]
    place = {"first_id": block.first_id, "last_id": block.last_id, "step_sec": step_sec}
    statement = _STEPS.format(floor=_FLOOR[conn.dialect.name], index=index, where=where)
    rows = conn.execute(text(statement), {**values, **place})
    return [(row.step, row.alerts) for row in rows]


def _spread(
    conn: Connection, block: alert_counts.Block, counts: list[int], since: float, step_sec: float
) -> None:
    """Spread a block's alerts over the steps between its first and its last alert."""
    bounds = conn.execute(_BOUNDS, {"block": block.first_id >> 13}).one()
    first, last = (
        min(max(int((at - since) // step_sec), 0), len(counts) - 1)
        for at in (bounds.first_at, bounds.last_at)
    )
    share, rest = divmod(block.alerts, last - first + 1)
    for number in range(first, last + 1):
        counts[number] += share + (number - first < rest)
