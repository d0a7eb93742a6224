"""Sums over settled frames: kept in the database, so every process tells the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

BUCKET_SEC: Final = 10
_KEEP_SEC: Final = 3600
_TOTAL: Final = 0


@dataclass(slots=True)
class Tally:
    """What one transaction adds; milliseconds for durations."""

    requests: int = 0
    responses: int = 0
    successes: int = 0
    failures: int = 0
    processed: int = 0
    dropped: int = 0
    infer_ms_sum: float = 0.0
    infer_ms_max: float = 0.0
    moves: int = 0
    moves_failed: int = 0
    move_ms_sum: float = 0.0
    move_ms_max: float = 0.0

    def moved(self, milliseconds: float, failed: bool = False) -> None:
        """Count one move of a picture."""
        self.moves += 1
        self.moves_failed += failed
        self.move_ms_sum += milliseconds
        self.move_ms_max = max(self.move_ms_max, milliseconds)

    def merged(self, other: Tally) -> Tally:
        """This tally and another as one."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMS}
        maxima = {name: max(getattr(self, name), getattr(other, name)) for name in _MAXIMA}
        return Tally(**sums, **maxima)


_SUMS = tuple(name for name in Tally.__dataclass_fields__ if not name.endswith("_max"))
_MAXIMA = ("infer_ms_max", "move_ms_max")
_COLUMNS = (*_SUMS, *_MAXIMA)
_ADD = text(
    f"INSERT INTO statistics (bucket, updated_at, {', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES (:bucket, :now, {', '.join(':' + name for name in _COLUMNS)}) "
    "ON CONFLICT (bucket) DO UPDATE SET updated_at = excluded.updated_at, "
    + ", ".join(f"{name} = statistics.{name} + excluded.{name}" for name in _SUMS)
    + ", "
    + ", ".join(
        f"{name} = CASE WHEN excluded.{name} > statistics.{name} "
        f"THEN excluded.{name} ELSE statistics.{name} END"
        for name in _MAXIMA
    )
)
_READ_TOTAL = text("SELECT * FROM statistics WHERE bucket = 0")
_READ_RECENT = text("""
    SELECT coalesce(sum(requests), 0), coalesce(sum(responses), 0), coalesce(sum(successes), 0)
      FROM statistics WHERE bucket > :after AND bucket < :before
""")
_RESET = text("DELETE FROM statistics WHERE bucket = 0")
_TRIM = text("DELETE FROM statistics WHERE bucket > 0 AND bucket < :before")


def add(conn: Connection, tally: Tally, now: float) -> None:
    """Add a tally to the total and to the current ten seconds.

    After services and frames, for all transactions lock the same rows, in this order.
    """
    values = {name: getattr(tally, name) for name in _COLUMNS}
    if not any(values.values()):
        return
    bucket = int(now) // BUCKET_SEC * BUCKET_SEC
    conn.execute(
        _ADD, [{"bucket": _TOTAL, "now": now, **values}, {"bucket": bucket, "now": now, **values}]
    )


def total(conn: Connection) -> tuple[Tally, float]:
    """The sums since the last reset, and when they changed last (0: never)."""
    row = conn.execute(_READ_TOTAL).mappings().first()
    if row is None:
        return Tally(), 0.0
    return Tally(**{name: row[name] for name in _COLUMNS}), row["updated_at"]


def rates(conn: Connection, now: float, window_sec: int = 30) -> tuple[float, float, float]:
    """Requests, responses and successes a second, over the last whole ten-second buckets."""
    current = int(now) // BUCKET_SEC * BUCKET_SEC
    values = {"after": current - window_sec - 1, "before": current + BUCKET_SEC}
    row = conn.execute(_READ_RECENT, values).one()
    seconds = window_sec + max(now - current, 1.0)
    # PostgreSQL sums big integers to Decimals.
    return float(row[0]) / seconds, float(row[1]) / seconds, float(row[2]) / seconds


def reset(conn: Connection) -> None:
    """Start the total again from nothing."""
    conn.execute(_RESET)


def trim(conn: Connection, now: float) -> None:
    """Forget buckets older than an hour."""
    conn.execute(_TRIM, {"before": int(now) - _KEEP_SEC})
