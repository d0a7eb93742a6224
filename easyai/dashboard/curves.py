"""The curves of the task types: frames, backlog and latency over a range of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from easyai.db.flow_history import FlowRow, counts_of
from easyai.domain.outcome_totals import BOUNDS_SEC

#: By name: the length of a range and of its steps, in seconds.
RANGES: Final = {
    "5m": (300, 10),
    "1h": (3600, 10),
    "6h": (6 * 3600, 60),
    "24h": (24 * 3600, 240),
    "7d": (7 * 24 * 3600, 1800),
}
_RATES: Final = ("arrived", "inferred", "dropped")


def curves(rows: Sequence[FlowRow], since: int, step_sec: int, steps: int) -> dict[str, Any]:
    """JSON-ready curves by task type: frames a second, waiting frames, milliseconds.

    A step that was not measured is None; so is the latency of a step without an inference.
    """
    places = {since + number * step_sec: number for number in range(steps)}
    measured = {row.at for row in rows if row.task_type == "" and row.at in places}
    types: dict[str, dict[str, list[float | None]]] = {}
    for row in rows:
        if row.task_type and row.at in places:
            own = types.get(row.task_type)
            if own is None:
                own = types[row.task_type] = _empty(places, measured)
            _enter(own, places[row.at], row, step_sec)
    return {
        "from": since,
        "to": since + steps * step_sec,
        "step_sec": step_sec,
        "at": list(places),
        "types": dict(sorted(types.items())),
    }


def _empty(places: dict[int, int], measured: set[int]) -> dict[str, list[float | None]]:
    quiet: list[float | None] = [0.0 if at in measured else None for at in places]
    unknown: list[float | None] = [None] * len(places)
    return {
        **{name: list(quiet) for name in _RATES},
        "waiting": list(quiet),
        "p50_ms": list(unknown),
        "p99_ms": list(unknown),
    }


def _enter(own: dict[str, list[float | None]], place: int, row: FlowRow, step_sec: int) -> None:
    for name in _RATES:
        own[name][place] = round(getattr(row, name) / step_sec, 3)
    own["waiting"][place] = row.waiting
    counts = counts_of(row)
    own["p50_ms"][place] = percentile_ms(counts, 0.5)
    own["p99_ms"][place] = percentile_ms(counts, 0.99)


def percentile_ms(counts: Sequence[int], share: float) -> float | None:
    """A percentile of a histogram (`BOUNDS_SEC`), linear within a bucket; None for no duration.

    Durations above the highest bound count as the highest bound, like Prometheus'
    histogram_quantile.
    """
    total = sum(counts)
    if not total:
        return None
    rank, below = share * total, 0
    for number, count in enumerate(counts):
        if count and below + count >= rank:
            if number == len(BOUNDS_SEC):
                break
            lower = BOUNDS_SEC[number - 1] if number else 0.0
            within = (rank - below) / count
            return round(1000 * (lower + (BOUNDS_SEC[number] - lower) * within), 1)
        below += count
    return 1000 * BOUNDS_SEC[-1]
