"""Curves are rates a second, percentiles, and gaps where nothing was measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from easyai.dashboard.curves import curves, percentile_ms
from easyai.domain.outcome_totals import BOUNDS_SEC, Histogram

NONE = [0] * (len(BOUNDS_SEC) + 1)


def _row(at: int, task_type: str, counts: list[int] = NONE, **given: Any) -> Any:
    values = {"arrived": 0, "inferred": 0, "dropped": 0, "waiting": None, **given}
    return SimpleNamespace(
        at=at, task_type=task_type, **values, durations=" ".join(map(str, counts))
    )


def test_step_without_a_mark_is_unknown_and_a_quiet_step_is_zero() -> None:
    rows = [_row(100, ""), _row(120, ""), _row(120, "人脸", arrived=50, inferred=40, waiting=7)]
    found = curves(rows, 100, 10, 4)
    assert (found["from"], found["to"], found["at"]) == (100, 140, [100, 110, 120, 130])
    own = found["types"]["人脸"]
    assert own["arrived"] == [0.0, None, 5.0, None]
    assert own["inferred"] == [0.0, None, 4.0, None]
    assert own["waiting"] == [0.0, None, 7, None]
    assert own["p50_ms"] == [None] * 4


def test_row_outside_of_the_range_is_left_out() -> None:
    assert curves([_row(90, "t", arrived=1), _row(90, "")], 100, 10, 2)["types"] == {}


@pytest.mark.parametrize(
    ("durations", "share", "expected"),
    [
        ([], 0.5, None),
        ([0.04] * 100, 0.5, 37.5),  # half-way between 25 and 50 ms
        ([0.04] * 99 + [3.0], 0.99, 50.0),
        ([0.001], 1.0, 5.0),
        ([99.0], 0.5, 10_000.0),
    ],
)
def test_percentile_is_linear_within_a_bucket(
    durations: list[float], share: float, expected: float | None
) -> None:
    assert percentile_ms(list(Histogram.of(durations).counts), share) == expected
