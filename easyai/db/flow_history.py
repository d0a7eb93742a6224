"""The SQL of the curves: frames, backlog and durations of each task type over time.

Four steps, each kept for as long as the range that shows it: a range never reads more than 360 rows
of a type. The row of the type '' marks a step that was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from easyai.db import totals
from easyai.db.many import ManyRows
from easyai.db.statistics import BUCKET_SEC
from easyai.domain.outcome_totals import BOUNDS_SEC

#: The steps in seconds, the finest first, and for how long their rows are kept.
KEPT_SEC: Final = {10: 3600, 60: 6 * 3600, 240: 24 * 3600, 1800: 7 * 24 * 3600}
#: A coarser step is made of the rows of a finer step.
_MADE_OF: Final = {60: 10, 240: 60, 1800: 60}
_POSITION: Final = 0  # the step of the rows that hold the last reading
_COUNTS: Final = tuple(f"bucket_{number}" for number in range(len(BOUNDS_SEC) + 1))
_SUMS: Final = ("arrived", "inferred", "dropped", *_COUNTS)
_COLUMNS: Final = ("arrived", "inferred", "dropped", "waiting", *_COUNTS)

_NAMES: Final = ", ".join(_COLUMNS)
_ADD: Final = ManyRows(
    f"INSERT INTO flow (step_sec, at, task_type, {_NAMES}) "
    f"SELECT {{step_sec}}, {{at}}, {{task_type}}, {', '.join(f'{{{name}}}' for name in _COLUMNS)} "
    "{rows} WHERE true ON CONFLICT (step_sec, at, task_type) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS),
    {"step_sec": int, "at": int, "task_type": str, **dict.fromkeys(_COLUMNS, int)},
)
# `at` of the row of the type '' is the end of what was measured.
_READING: Final = text(f"SELECT * FROM flow WHERE step_sec = {_POSITION}")  # noqa: S608
_FORGET_READING: Final = text(f"DELETE FROM flow WHERE step_sec = {_POSITION}")  # noqa: S608
_COUNTED: Final = text("""
    SELECT bucket, task_type, found AS arrived, successes AS inferred,
           queue_full + too_old + disk_low AS dropped
      FROM statistics WHERE bucket >= :since AND bucket < :until AND task_type <> ''
""")
_FINER: Final = text(
    "SELECT task_type, max(waiting) AS waiting, "  # noqa: S608
    + ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMS)
    + " FROM flow WHERE step_sec = :finer AND at >= :since AND at < :until GROUP BY task_type"
)
_TRIM: Final = text("DELETE FROM flow WHERE step_sec = :step_sec AND at < :before")
_SINCE: Final = text("SELECT * FROM flow WHERE step_sec = :step_sec AND at >= :since ORDER BY at")

FlowRow = Row[Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last measurement left."""

    until: int  # the end of what was measured, Unix seconds; 0: nothing was measured yet
    durations: Mapping[str, Sequence[int]]  # the totals then, by task type


def reading(conn: Connection) -> Reading:
    """The last measurement."""
    rows = {row.task_type: row for row in conn.execute(_READING)}
    mark = rows.pop("", None)
    return Reading(mark.at if mark else 0, {name: _counts(row) for name, row in rows.items()})


def record(conn: Connection, before: Reading, until: int, waiting: Mapping[str, int]) -> None:
    """Add the steps that ended between `before` and `until`; `waiting`: frames by type, now.

    `until` is a multiple of ten seconds. Raises nothing when another process was faster: the rows
    are the same.
    """
    finest = BUCKET_SEC
    since = max(before.until, until - KEPT_SEC[finest]) if before.until else until - finest
    now = _durations(conn)
    rows = _counted(conn, since, until)
    last = until - finest
    for name in {*waiting, *now} - {""}:
        grown = _grown(now.get(name), before, name)
        if waiting.get(name) or any(grown):
            row = rows.setdefault((last, name), _row(finest, last, name))
            row.update(dict(zip(_COUNTS, grown, strict=True)), waiting=waiting.get(name, 0))
    rows[last, ""]["waiting"] = sum(waiting.values())
    _ADD.run(conn, [rows[key] for key in sorted(rows)])
    for step, finer in _MADE_OF.items():
        _roll_up(conn, step, finer, since, until)
    for step, kept in KEPT_SEC.items():
        conn.execute(_TRIM, {"step_sec": step, "before": until - kept - step})
    conn.execute(_FORGET_READING)
    readings = [
        _row(_POSITION, until, name) | dict(zip(_COUNTS, counts, strict=True))
        for name, counts in sorted(now.items())
    ]
    _ADD.run(conn, [_row(_POSITION, until, ""), *readings])


def since(conn: Connection, step_sec: int, moment: float) -> list[FlowRow]:
    """The rows of a step that began at a moment or later, in order of time."""
    return list(conn.execute(_SINCE, {"step_sec": step_sec, "since": int(moment)}))


def counts_of(row: FlowRow) -> list[int]:
    """The histogram of the durations of a row (`BOUNDS_SEC`)."""
    return list(_counts(row))


def _counts(row: FlowRow) -> Sequence[int]:
    return [getattr(row, name) for name in _COUNTS]


def _durations(conn: Connection) -> dict[str, list[int]]:
    """The totals of the durations of inferences by task type."""
    found: dict[str, list[int]] = {}
    for total in totals.durations(conn):
        if total.kind == totals.INFERENCE:
            own = found.setdefault(total.task_type, [0] * len(_COUNTS))
            found[total.task_type] = list(map(sum, zip(own, total.histogram.counts, strict=True)))
    return found


def _grown(now: Sequence[int] | None, before: Reading, name: str) -> list[int]:
    """What was added to the totals of a type; nothing where a restoration lowered them."""
    if now is None or not before.until:
        return [0] * len(_COUNTS)
    earlier = before.durations.get(name) or [0] * len(_COUNTS)
    return [max(0, new - old) for new, old in zip(now, earlier, strict=True)]


def _counted(conn: Connection, since: int, until: int) -> dict[tuple[int, str], dict[str, Any]]:
    """The rows of the finest step, from the ten-second sums."""
    steps = range(since, until, BUCKET_SEC)
    rows = {(at, ""): _row(BUCKET_SEC, at, "") for at in steps}
    for found in conn.execute(_COUNTED, {"since": since, "until": until}):
        row = rows[found.bucket, found.task_type] = _row(BUCKET_SEC, found.bucket, found.task_type)
        row.update(arrived=found.arrived, inferred=found.inferred, dropped=found.dropped)
    return rows


def _row(step_sec: int, at: int, task_type: str) -> dict[str, Any]:
    return {
        "step_sec": step_sec,
        "at": at,
        "task_type": task_type,
        **dict.fromkeys(_SUMS, 0),
        "waiting": None,
    }


def _roll_up(conn: Connection, step: int, finer: int, since: int, until: int) -> None:
    """Make the rows of a step that ended in (since, until]."""
    for end in _ends(step, since, until):
        begin = end - step
        span = {"finer": finer, "since": begin, "until": end}
        rows = [
            _row(step, begin, row.task_type) | {name: getattr(row, name) for name in _COLUMNS}
            for row in conn.execute(_FINER, span)
        ]
        _ADD.run(conn, sorted(rows, key=lambda row: str(row["task_type"])))


def _ends(step: int, since: int, until: int) -> Iterable[int]:
    return range((since // step + 1) * step, until + 1, step)
