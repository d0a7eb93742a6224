"""The SQL of the histogram of alerts over time; it reads a bounded number of index entries.

The newest alerts are counted one by one in the narrow index. Blocks of ids beyond them are spread
evenly over the time in which they were saved (db/alert_counts.py). No count is kept by camera, nor
for a choice that no index knows, so their older alerts are sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, CursorResult, text

from easyai.db import alert_counts, alert_lists
from easyai.db.alert_counts import Block
from easyai.db.alert_filter import AlertChoice

#: Index entries that are counted one by one.
_EXACTLY: Final = 40_960
_OF_CAMERA: Final = 10_240  # the same, of a camera: they are found first, and others are sampled
_OF_ROWS: Final = 8_192  # the same, of a choice that no index knows: rows are read
_LEAST: Final = 1024  # entries that take as long as a statement
_MOST_SAMPLES: Final = 512
_MOST_SAMPLES_OF_ROWS: Final = 256
_SAMPLE_IDS: Final = 24
_STEPS: Final = """
    SELECT CAST({floor}((created_at - :start_time) / :step_sec) AS BIGINT) AS step,
           count(*) AS alerts
      FROM alerts {index} WHERE id BETWEEN :first_id AND :last_id {where} GROUP BY 1
"""
_OF_SAMPLE: Final = f"""
      FROM alerts WHERE id BETWEEN first_id AND first_id + {_SAMPLE_IDS - 1}
       AND id <= :last_id {{where}}
"""
# Two subqueries: a join lets PostgreSQL read all alerts of the camera.
_SAMPLES: Final = f"""
    WITH RECURSIVE sample (first_id) AS (
        SELECT CAST(:first_id AS BIGINT)
        UNION ALL
        SELECT first_id + :every FROM sample WHERE first_id + :every <= :last_id)
    SELECT (SELECT count(*) {_OF_SAMPLE}) AS alerts,
           (SELECT created_at {_OF_SAMPLE} LIMIT 1) AS created_at
      FROM sample
"""  # noqa: S608
# SQLite cuts a cast number, PostgreSQL rounds it.
_FLOOR: Final = {"sqlite": "", "postgresql": "floor"}


class Histogram(NamedTuple):
    """Alerts in steps of equal length."""

    counts: list[int]
    estimated: bool  # the oldest steps are


def histogram(
    conn: Connection, choice: AlertChoice, since: float, step_sec: float, steps: int
) -> Histogram:
    """Count the alerts of a list by time, from `since`; the list's own times are ignored."""
    within = replace(choice.plain, start_time=since, end_time=None)
    blocks = alert_counts.blocks(conn, replace(within, task_id=None))
    bars = _Bars(conn, replace(choice, plain=within), since, step_sec, steps)
    if not blocks:
        estimated = False
    elif choice.is_plain and within.task_id is None:
        estimated = _add_blocks(bars, blocks)
    else:
        estimated = _add_newest(bars, _beyond_newest(conn, choice, blocks), blocks)
    return Histogram(bars.counts, estimated)


def _add_blocks(bars: _Bars, blocks: Sequence[Block]) -> bool:
    """Add the alerts of blocks, newest first; returns whether the oldest are estimated."""
    left = _EXACTLY
    for number, block in enumerate(blocks):
        if left <= 0:
            for older in blocks[number:]:
                bars.spread(older)
            return True
        bars.count(block.first_id, block.last_id)
        left -= max(block.ids, _LEAST)
    return False


def _beyond_newest(conn: Connection, choice: AlertChoice, blocks: Sequence[Block]) -> int | None:
    """The newest id that is too old to be counted one by one; None: all are counted."""
    first_id, last_id = blocks[-1].first_id, blocks[0].last_id
    most = _OF_CAMERA if choice.is_plain else _OF_ROWS
    if choice.plain.task_id is not None:
        return alert_lists.after_newest(conn, choice.plain.task_id, first_id, last_id, most)
    older = last_id - most
    return older if older >= first_id else None


def _add_newest(bars: _Bars, older: int | None, blocks: Sequence[Block]) -> bool:
    """Count the newest alerts and sample the older; returns whether the oldest are estimated."""
    first_id = blocks[-1].first_id
    bars.count(first_id if older is None else older + 1, blocks[0].last_id)
    if older is not None:
        bars.sample(first_id, older)
    return older is not None


class _Bars:
    """The counts, while they are added up."""

    def __init__(
        self, conn: Connection, choice: AlertChoice, since: float, step_sec: float, steps: int
    ) -> None:
        self._conn = conn
        self.counts = [0] * steps
        plain, values = choice.plain.conditions()
        extra, extra_values = choice.extra(read="alerts")
        self._where = f"{plain} AND {extra}"
        self._values = {**values, **extra_values, "step_sec": step_sec}
        self._since, self._step_sec = since, step_sec
        self._most_samples = _MOST_SAMPLES if choice.is_plain else _MOST_SAMPLES_OF_ROWS
        by_index = choice.is_plain and choice.plain.task_id is None
        self._index = alert_counts.BY_INDEX[conn.dialect.name] if by_index else ""

    def count(self, first_id: int, last_id: int) -> None:
        """Count the alerts between two ids one by one."""
        floor = _FLOOR[self._conn.dialect.name]
        place = {"first_id": first_id, "last_id": last_id}
        for row in self._rows(
            _STEPS.format(floor=floor, index=self._index, where=self._where), place
        ):
            self.counts[min(row.step, len(self.counts) - 1)] += row.alerts

    def sample(self, first_id: int, last_id: int) -> None:
        """Count alerts in equally spaced samples of the ids between two ids."""
        every = max(_SAMPLE_IDS, -(-(last_id - first_id + 1) // self._most_samples))
        place = {"first_id": first_id, "last_id": last_id, "every": every}
        for row in self._rows(_SAMPLES.format(where=self._where), place):
            if row.alerts:
                self.counts[self._step(row.created_at)] += round(row.alerts * every / _SAMPLE_IDS)

    def spread(self, block: Block) -> None:
        """Spread a block's alerts evenly over the time between its first and its last alert."""
        first, last = (self._step(at) for at in (block.first_at, block.last_at))
        done = 0
        for number in range(first, last):
            before_end = self._since + (number + 1) * self._step_sec - block.first_at
            share = before_end / (block.last_at - block.first_at)
            self.counts[number] += round(block.alerts * share) - done
            done = round(block.alerts * share)
        self.counts[last] += block.alerts - done

    def _rows(self, sql: str, place: dict[str, int]) -> CursorResult[Any]:
        return self._conn.execute(text(sql), {**self._values, **place})

    def _step(self, at: float) -> int:
        return min(max(int((at - self._since) // self._step_sec), 0), len(self.counts) - 1)
