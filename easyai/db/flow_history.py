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
_LATEST_SEC: Final = 300  # longer than a transaction may take after it has read the clock
_POSITION: Final = 0  # the step of the rows that hold the last reading of the totals
_NONE: Final = (0,) * (len(BOUNDS_SEC) + 1)
_FRAMES: Final = ("arrived", "inferred", "dropped")
_COLUMNS: Final = {**dict.fromkeys((*_FRAMES, "waiting"), int), "durations": str}

_NAMES: Final = ", ".join(_COLUMNS)
_ADD: Final = ManyRows(
    f"INSERT INTO flow (step_sec, at, task_type, {_NAMES}) "
    f"SELECT {{step_sec}}, {{at}}, {{task_type}}, {', '.join(f'{{{name}}}' for name in _COLUMNS)} "
    "{rows} WHERE true ON CONFLICT (step_sec, at, task_type) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS),
    {"step_sec": int, "at": int, "task_type": str, **_COLUMNS},
)
# `at` of the row of the type '' is the end of what was measured.
_READING: Final = text(f"SELECT * FROM flow WHERE step_sec = {_POSITION}")  # noqa: S608
_FORGET_READING: Final = text(f"DELETE FROM flow WHERE step_sec = {_POSITION}")  # noqa: S608
_COUNTED: Final = text("""
    SELECT bucket, task_type, found AS arrived, successes AS inferred,
           queue_full + too_old + disk_low AS dropped
      FROM statistics WHERE bucket >= :since AND bucket < :until AND task_type <> ''
""")
# What transactions have added to recorded steps since: they count in the ten seconds in which they
# read the clock, and commit later.
_LATE: Final = text(f"""
    SELECT bucket AS at, counted.task_type, found AS arrived, successes AS inferred,
           queue_full + too_old + disk_low AS dropped, known.waiting, known.durations
      FROM statistics AS counted
      JOIN flow AS measured ON measured.step_sec = {BUCKET_SEC}
                           AND measured.at = bucket AND measured.task_type = ''
      LEFT JOIN flow AS known ON known.step_sec = {BUCKET_SEC}
                             AND known.at = bucket AND known.task_type = counted.task_type
     WHERE bucket >= :since AND bucket < :until AND counted.task_type <> ''
       AND (found > coalesce(known.arrived, 0) OR successes > coalesce(known.inferred, 0)
            OR queue_full + too_old + disk_low > coalesce(known.dropped, 0))
""")  # noqa: S608
_SPAN: Final = text("""
    SELECT * FROM flow WHERE step_sec = :step_sec AND at >= :since AND at < :until
""")
_TRIM: Final = text("DELETE FROM flow WHERE step_sec = :step_sec AND at < :before")
_SINCE: Final = text("""
    SELECT at, task_type, arrived, inferred, dropped, waiting, durations FROM flow
     WHERE step_sec = :step_sec AND at >= :since ORDER BY at
""")

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
    return Reading(mark.at if mark else 0, {name: counts_of(row) for name, row in rows.items()})


def record(conn: Connection, before: Reading, until: int, waiting: Mapping[str, int]) -> None:
    """Add the steps that ended between `before` and `until`; `waiting`: frames by type, now.

    Steps of the last minutes get what was committed since they were recorded. `until` is a multiple
    of ten seconds. When another process was faster, the rows are the same.
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
            row.update(durations=_written(grown), waiting=waiting.get(name, 0))
    rows[last, ""]["waiting"] = sum(waiting.values())
    rows |= _late(conn, since)
    _ADD.run(conn, [rows[key] for key in sorted(rows)])
    for step, finer in _MADE_OF.items():
        for begin in sorted({at // step * step for at, _ in rows}):
            if begin + step <= until:
                _roll_up(conn, step, finer, begin)
    for step, kept in KEPT_SEC.items():
        conn.execute(_TRIM, {"step_sec": step, "before": until - kept - step})
    conn.execute(_FORGET_READING)
    readings = [
        _row(_POSITION, until, name) | {"durations": _written(counts)}
        for name, counts in sorted(now.items())
    ]
    _ADD.run(conn, [_row(_POSITION, until, ""), *readings])


def backlog(conn: Connection, until: int) -> dict[str, int]:
    """The waiting frames by type of the step that ended at a moment; empty: not recorded."""
    span = {"step_sec": BUCKET_SEC, "since": until - BUCKET_SEC, "until": until}
    rows = conn.execute(_SPAN, span)
    return {row.task_type: row.waiting for row in rows if row.task_type and row.waiting}


def since(conn: Connection, step_sec: int, moment: float) -> list[FlowRow]:
    """The rows of a step that began at a moment or later, in order of time."""
    return list(conn.execute(_SINCE, {"step_sec": step_sec, "since": int(moment)}).all())


def counts_of(row: FlowRow) -> list[int]:
    """The histogram of the durations of a row (`BOUNDS_SEC`)."""
    return list(map(int, row.durations.split())) or list(_NONE)


def _written(counts: Sequence[int]) -> str:
    return " ".join(map(str, counts)) if any(counts) else ""


def _durations(conn: Connection) -> dict[str, list[int]]:
    """The totals of the durations of inferences by task type."""
    found: dict[str, list[int]] = {}
    for total in totals.durations(conn):
        if total.kind == totals.INFERENCE:
            own = found.get(total.task_type, list(_NONE))
            found[total.task_type] = _sum(own, total.histogram.counts)
    return found


def _sum(counts: Sequence[int], others: Sequence[int]) -> list[int]:
    return [count + other for count, other in zip(counts, others, strict=True)]


def _grown(now: Sequence[int] | None, before: Reading, name: str) -> list[int]:
    """What was added to the totals of a type; nothing where a restoration lowered them."""
    if now is None or not before.until:
        return list(_NONE)
    earlier = before.durations.get(name) or _NONE
    if len(earlier) != len(now):  # the reading of a release with other bounds
        return list(_NONE)
    return [max(0, new - old) for new, old in zip(now, earlier, strict=True)]


def _counted(conn: Connection, since: int, until: int) -> dict[tuple[int, str], dict[str, Any]]:
    """The rows of the finest step, from the ten-second sums."""
    steps = range(since, until, BUCKET_SEC)
    rows = {(at, ""): _row(BUCKET_SEC, at, "") for at in steps}
    for found in conn.execute(_COUNTED, {"since": since, "until": until}):
        row = rows[found.bucket, found.task_type] = _row(BUCKET_SEC, found.bucket, found.task_type)
        row.update(arrived=found.arrived, inferred=found.inferred, dropped=found.dropped)
    return rows


def _late(conn: Connection, until: int) -> dict[tuple[int, str], dict[str, Any]]:
    """The rows of recorded steps that have grown, with what was measured of them."""
    span = {"since": until - _LATEST_SEC, "until": until}
    return {
        (found.at, found.task_type): _row(BUCKET_SEC, found.at, found.task_type)
        | {name: getattr(found, name) for name in (*_FRAMES, "waiting")}
        | {"durations": found.durations or ""}
        for found in conn.execute(_LATE, span)
    }


def _row(step_sec: int, at: int, task_type: str) -> dict[str, Any]:
    empty: dict[str, Any] = {**dict.fromkeys(_FRAMES, 0), "waiting": None, "durations": ""}
    return {"step_sec": step_sec, "at": at, "task_type": task_type, **empty}


def _roll_up(conn: Connection, step: int, finer: int, begin: int) -> None:
    """Make the rows of a step that is over."""
    rows: dict[str, dict[str, Any]] = {}
    counts: dict[str, Sequence[int]] = {}
    span = {"step_sec": finer, "since": begin, "until": begin + step}
    for part in conn.execute(_SPAN, span):
        name = part.task_type
        row = rows.setdefault(name, _row(step, begin, name))
        for column in _FRAMES:
            row[column] += getattr(part, column)
        row["waiting"] = _most(row["waiting"], part.waiting)
        counts[name] = _sum(counts.get(name, _NONE), counts_of(part))
    for name, row in rows.items():
        row["durations"] = _written(counts[name])
    _ADD.run(conn, [rows[name] for name in sorted(rows)])


def _most(*waiting: int | None) -> int | None:
    measured: Iterable[int] = (count for count in waiting if count is not None)
    return max(measured, default=None)
