"""The SQL of the histogram of alerts over time; it reads a bounded number of index entries.

The newest alerts are counted one by one in the narrow index. Blocks of ids beyond them are spread
evenly over the time in which they were saved (db/alert_counts.py). No count is kept by camera, so
the older alerts of a camera are sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, CursorResult, text

from easyai.db import alert_counts, alert_lists
from easyai.db.alert_counts import Block
from easyai.db.alert_filter import AlertFilter

#: Index entries that are counted one by one.
_EXACTLY: Final = 40_960
_OF_CAMERA: Final = 20_480  # the same, of a camera: they are found first, and others are sampled
_LEAST: Final = 1024  # entries that take as long as a statement
_MOST_SAMPLES: Final = 512
_SAMPLE_IDS: Final = 64
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
    conn: Connection, wanted: AlertFilter, since: float, step_sec: float, steps: int
) -> Histogram:
    """Count the alerts of a list by time, from `since`; the list's own times are ignored."""
    within = replace(wanted, start_time=since, end_time=None)
    blocks = alert_counts.blocks(conn, replace(within, task_id=None))
    bars = _Bars(conn, within, since, step_sec, steps)
    if not blocks:
        estimated = False
    elif within.task_id is None:
        estimated = _add_blocks(bars, blocks)
    else:
        ids = (blocks[-1].first_id, blocks[0].last_id)
        estimated = _add_camera(conn, bars, within.task_id, ids)
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


def _add_camera(conn: Connection, bars: _Bars, task_id: str, ids: tuple[int, int]) -> bool:
    """Add the alerts of a camera; returns whether the oldest are estimated."""
    first_id, last_id = ids
    older = alert_lists.after_newest(conn, task_id, first_id, last_id, _OF_CAMERA)
    bars.count(first_id if older is None else older + 1, last_id)
    if older is not None:
        bars.sample(first_id, older)
    return older is not None


class _Bars:
    """The counts, while they are added up."""

    def __init__(
        self, conn: Connection, within: AlertFilter, since: float, step_sec: float, steps: int
    ) -> None:
        self._conn = conn
        self.counts = [0] * steps
        self._where, self._values = within.conditions()
        self._values["step_sec"] = step_sec
        self._since, self._step_sec = since, step_sec
        self._index = "" if within.task_id is not None else alert_counts.BY_INDEX[conn.dialect.name]

    def count(self, first_id: int, last_id: int) -> None:
        """Count the alerts between two ids one by one."""
        floor = _FLOOR[self._conn.dialect.name]
        place = {"first_id": first_id, "last_id": last_id}
        for row in self._rows(
            _STEPS.format(floor=floor, index=self._index, where=self._where), place
        ):
            self.counts[min(row.step, len(self.counts) - 1)] += row.alerts

    def sample(self, first_id: int, last_id: int) -> None:
        """Count alerts of the camera in equally spaced samples of the ids between two ids."""
        every = max(_SAMPLE_IDS, -(-(last_id - first_id + 1) // _MOST_SAMPLES))
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
