"""The SQL of totals: kept apart from the frames, so that retention never lowers a total.

There is a row for each outcome of a task type, and a row for each kind of duration of a type at an
endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import add
from typing import Any, Final

from sqlalchemy import Connection, text

from easyai.db.many import ManyRows
from easyai.domain.outcome_totals import BOUNDS_SEC, OTHER, Histogram, Totals
from easyai.masking import endpoint_label

#: The most pairs of type and endpoint with their own row; further pairs add to `OTHER` of the type.
MOST_ENDPOINTS: Final = 500
_KEEP_SEC: Final = 30 * 86_400.0
_MOST_FORGOTTEN: Final = 2000  # types that nothing names any more but whose totals are kept
INFERENCE, FRAME_LATENCY = "inference", "frame_latency"

_COUNTS: Final = tuple(f"bucket_{number}" for number in range(len(BOUNDS_SEC) + 1))
_SUMS: Final = (*_COUNTS, "sum_sec")
_ADD_FRAMES: Final = ManyRows(
    "INSERT INTO frame_totals (task_type, outcome, reason, frames, updated_at) "
    "SELECT {task_type}, {outcome}, {reason}, {frames}, {now} {rows} WHERE true "
    "ON CONFLICT (task_type, outcome, reason) DO UPDATE "
    "SET frames = frame_totals.frames + excluded.frames, updated_at = excluded.updated_at",
    {"task_type": str, "outcome": str, "reason": str, "frames": int, "now": float},
)
_ADD_DURATIONS: Final = ManyRows(
    f"INSERT INTO duration_totals (kind, task_type, endpoint, updated_at, {', '.join(_SUMS)}) "
    f"SELECT {{kind}}, {{task_type}}, {{endpoint}}, {{now}}, "
    f"{', '.join(f'{{{name}}}' for name in _SUMS)} {{rows}} WHERE true "
    "ON CONFLICT (kind, task_type, endpoint) DO UPDATE SET updated_at = excluded.updated_at, "
    + ", ".join(f"{name} = duration_totals.{name} + excluded.{name}" for name in _SUMS),
    {
        "kind": str,
        "task_type": str,
        "endpoint": str,
        "now": float,
        **dict.fromkeys(_COUNTS, int),
        "sum_sec": float,
    },
)
_FRAMES: Final = text("SELECT task_type, outcome, reason, frames FROM frame_totals")
_DURATIONS: Final = text(
    f"SELECT kind, task_type, endpoint, updated_at, {', '.join(_SUMS)} "  # noqa: S608
    "FROM duration_totals ORDER BY kind, task_type, endpoint"
)
_ENDPOINTS: Final = text("SELECT DISTINCT task_type, endpoint FROM duration_totals")
# The newest durations of a known type stay: they record when the type last succeeded.
_TRIM_DURATIONS: Final = text("""
    DELETE FROM duration_totals WHERE updated_at < :before
       AND (task_type NOT IN (SELECT name FROM task_types)
            OR updated_at < (SELECT max(updated_at) FROM duration_totals AS newest
                              WHERE newest.task_type = duration_totals.task_type))
""")
_TRIM_FRAMES: Final = text("""
    DELETE FROM frame_totals
     WHERE task_type NOT IN (SELECT name FROM task_types)
       AND (updated_at < :before
            OR task_type NOT IN (SELECT task_type FROM frame_totals GROUP BY task_type
                                  ORDER BY max(updated_at) DESC, task_type LIMIT :most))
""")


@dataclass(frozen=True, slots=True)
class DurationTotal:
    """All durations of a kind of a task type at an endpoint, since the beginning."""

    kind: str
    task_type: str
    endpoint: str
    updated_at: float
    histogram: Histogram


def add_frames(conn: Connection, counted: Totals, now: float) -> None:
    """Add the frames that a transaction settled: a row for each type and outcome.

    Call it after the statistics. Rows are locked in order of the key, as in all transactions.
    """
    rows: list[dict[str, Any]] = [
        {"task_type": name, "outcome": outcome, "reason": reason, "frames": count, "now": now}
        for (name, outcome, reason), count in sorted(counted.by_fate().items())
    ]
    _ADD_FRAMES.run(conn, rows)


def add_durations(
    conn: Connection, histograms: Mapping[tuple[str, str, str], Histogram], now: float
) -> None:
    """Add durations by kind, type and endpoint; after the frames, locked in order of the key."""
    rows = [
        {"kind": kind, "task_type": task_type, "endpoint": endpoint, "now": now}
        | dict(zip(_COUNTS, histogram.counts, strict=True))
        | {"sum_sec": histogram.sum_sec}
        for (kind, task_type, endpoint), histogram in sorted(
            histograms.items(), key=lambda item: item[0]
        )
    ]
    _ADD_DURATIONS.run(conn, rows)


def frames(conn: Connection) -> dict[tuple[str, str, str], int]:
    """Frames by type, outcome and reason."""
    return {(row[0], row[1], row[2]): row[3] for row in conn.execute(_FRAMES)}


def durations(conn: Connection) -> list[DurationTotal]:
    """The durations of each kind by type and the endpoint's label in metrics.

    Versions that kept tokens in the endpoint wrote several rows for a label: the rows are added up.
    """
    by_key: dict[tuple[str, str, str], DurationTotal] = {}
    for kind, task_type, endpoint, updated_at, *counts, sum_sec in conn.execute(_DURATIONS):
        key = (kind, task_type, endpoint_label(endpoint))
        row = DurationTotal(*key, updated_at, Histogram(counts, sum_sec))
        by_key[key] = _added(by_key[key], row) if key in by_key else row
    return list(by_key.values())


def _added(total: DurationTotal, other: DurationTotal) -> DurationTotal:
    counts = list(map(add, total.histogram.counts, other.histogram.counts))
    histogram = Histogram(counts, total.histogram.sum_sec + other.histogram.sum_sec)
    newest = max(total.updated_at, other.updated_at)
    return replace(total, updated_at=newest, histogram=histogram)


def endpoints(conn: Connection) -> set[tuple[str, str]]:
    """The pairs of type and endpoint label that have their own row."""
    rows = conn.execute(_ENDPOINTS)
    return {(row[0], endpoint_label(row[1])) for row in rows if row[1] != OTHER}


def trim(conn: Connection, now: float) -> int:
    """Delete rows of endpoints unused for 30 days and of types without a name; returns how many."""
    values = {"before": now - _KEEP_SEC, "most": _MOST_FORGOTTEN}
    forgotten = conn.execute(_TRIM_DURATIONS, {"before": values["before"]}).rowcount
    return forgotten + conn.execute(_TRIM_FRAMES, values).rowcount
