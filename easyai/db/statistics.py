"""Sums by task type, kept in the database, so that every process reports the same sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, text

from easyai.db.many import ManyRows

BUCKET_SEC: Final = 10
_KEEP_SEC: Final = 3600
_TOTAL: Final = 0
_ALL_TYPES: Final = ""  # the total is kept for all types only: no reader needs the total of a type


@dataclass(slots=True)
class Tally:
    """The counts that a transaction adds; durations in milliseconds."""

    found: int = 0
    requests: int = 0
    responses: int = 0
    successes: int = 0
    failures: int = 0
    processed: int = 0
    # Frames given up, by outcome.
    queue_full: int = 0
    too_old: int = 0
    disk_low: int = 0
    sampled: int = 0
    superseded: int = 0  # replaced by a newer picture under the same name
    discarded: int = 0  # given up by an operator
    infer_ms_sum: float = 0.0
    infer_ms_max: float = 0.0
    moves: int = 0
    moves_failed: int = 0
    move_ms_sum: float = 0.0
    move_ms_max: float = 0.0

    @property
    def dropped(self) -> int:
        """Frames given up because of too many frames, too long a wait or too little disk space.

        Frames that were sampled out or discarded by an operator do not count.
        """
        return self.queue_full + self.too_old + self.disk_low

    def moved(self, milliseconds: float, failed: bool = False) -> None:
        """Count a move of a picture."""
        self.moves += 1
        self.moves_failed += failed
        self.move_ms_sum += milliseconds
        self.move_ms_max = max(self.move_ms_max, milliseconds)

    def merged(self, other: Tally) -> Tally:
        """The sum of this tally and another."""
        return _merged((self, other))


_SUMS = tuple(name for name in Tally.__dataclass_fields__ if not name.endswith("_max"))
_MAXIMA = ("infer_ms_max", "move_ms_max")
_COLUMNS = (*_SUMS, *_MAXIMA)
_KINDS = {name: type(getattr(Tally(), name)) for name in _COLUMNS}
_values = attrgetter(*_COLUMNS)
_TALLY = ", ".join(
    [f"coalesce(sum({name}), 0)" for name in _SUMS]
    + [f"coalesce(max({name}), 0)" for name in _MAXIMA]
)
_MERGED: Final = {
    name: f"statistics.{name} + excluded.{name}"
    if name in _SUMS
    else f"CASE WHEN excluded.{name} > statistics.{name} "
    f"THEN excluded.{name} ELSE statistics.{name} END"
    for name in _COLUMNS
}
_READ_TOTAL = text(
    f"SELECT {_TALLY}, coalesce(max(updated_at), 0) FROM statistics WHERE bucket = 0"  # noqa: S608
)
_READ_RECENT = text(
    f"SELECT task_type, {_TALLY} FROM statistics "  # noqa: S608
    "WHERE bucket > :after AND bucket < :before GROUP BY task_type"
)
_RESET = text("DELETE FROM statistics WHERE bucket = 0")
_TRIM = text("""
    DELETE FROM statistics WHERE bucket > 0 AND (bucket < :before OR bucket > :ahead)
       AND (task_type, bucket) NOT IN (SELECT task_type, max(bucket) FROM statistics
            WHERE successes > 0 AND bucket <= :ahead GROUP BY task_type)
""")


def add(conn: Connection, tallies: Mapping[str, Tally], now: float) -> None:
    """Add tallies (by task type, '' for none) to the totals and to the current ten seconds.

    Call it after the updates of services and frames: all transactions lock rows in this order.
    """
    values = {name: _values(tallies[name]) for name in sorted(tallies)}
    counted = {name: of_type for name, of_type in values.items() if any(of_type)}
    if not counted:
        return
    bucket = int(now) // BUCKET_SEC * BUCKET_SEC
    # Most columns are 0 in nearly all transactions, and a transaction writes a row for each type.
    by_column = zip(_COLUMNS, zip(*counted.values(), strict=True), strict=True)
    columns = {name: of_types for name, of_types in by_column if any(of_types)}
    names = ("bucket", "task_type", "now", *columns)
    total = [(max if name in _MAXIMA else sum)(column) for name, column in columns.items()]
    rows = [dict(zip(names, (_TOTAL, _ALL_TYPES, now, *total), strict=True))]
    for task_type, of_type in zip(counted, zip(*columns.values(), strict=True), strict=True):
        rows.append(dict(zip(names, (bucket, task_type, now, *of_type), strict=True)))
    _add(tuple(columns)).run(conn, rows)


@cache
def _add(columns: Sequence[str]) -> ManyRows:
    """The statement that adds to these columns."""
    changes = ", ".join(f"{name} = {_MERGED[name]}" for name in columns)
    return ManyRows(
        f"INSERT INTO statistics (bucket, task_type, updated_at, {', '.join(columns)}) "
        f"SELECT {{bucket}}, {{task_type}}, {{now}}, {', '.join(f'{{{name}}}' for name in columns)}"
        " {rows} WHERE true ON CONFLICT (bucket, task_type) DO UPDATE"
        f" SET updated_at = excluded.updated_at, {changes}",
        {"bucket": int, "task_type": str, "now": float} | {name: _KINDS[name] for name in columns},
    )


def _merged(tallies: Sequence[Tally]) -> Tally:
    columns = zip(_COLUMNS, zip(*map(_values, tallies), strict=True), strict=True)
    return Tally(**{name: (max if name in _MAXIMA else sum)(column) for name, column in columns})


def total(conn: Connection) -> tuple[Tally, float]:
    """The sums since the last reset, and when they last changed (0: never)."""
    row = conn.execute(_READ_TOTAL).one()
    return _tally(row[:-1]), float(row[-1])


def recent(conn: Connection, now: float, window_sec: int) -> tuple[dict[str, Tally], float]:
    """Sums by task type over the last whole ten-second buckets, and the seconds they cover."""
    current = int(now) // BUCKET_SEC * BUCKET_SEC
    values = {"after": current - window_sec - 1, "before": current + BUCKET_SEC}
    rows = conn.execute(_READ_RECENT, values)
    return {row[0]: _tally(row[1:]) for row in rows}, window_sec + max(now - current, 1.0)


def rates(conn: Connection, now: float, window_sec: int = 30) -> tuple[float, float, float]:
    """Requests, responses and successes a second, over the last whole ten-second buckets."""
    tallies, seconds = recent(conn, now, window_sec)
    return (
        sum(tally.requests for tally in tallies.values()) / seconds,
        sum(tally.responses for tally in tallies.values()) / seconds,
        sum(tally.successes for tally in tallies.values()) / seconds,
    )


def reset(conn: Connection) -> None:
    """Reset the total to zero."""
    conn.execute(_RESET)


def trim(conn: Connection, now: float) -> int:
    """Delete buckets that are over an hour old or written by a clock ahead; returns how many.

    The newest bucket with a success stays: it records when a type last succeeded.
    """
    values = {"before": int(now) - _KEEP_SEC, "ahead": int(now) + _KEEP_SEC}
    return conn.execute(_TRIM, values).rowcount


def _tally(values: Sequence[Any]) -> Tally:
    # PostgreSQL sums big integers to Decimals.
    named = zip(_COLUMNS, values, strict=True)
    return Tally(**{name: _KINDS[name](value) for name, value in named})
