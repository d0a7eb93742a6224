"""Histograms, fates and endpoints as totals count them."""

from __future__ import annotations

import pytest

from easyai.domain.frame import Outcome
from easyai.domain.outcome_totals import BOUNDS_SEC, FATES, Histogram, Totals
from easyai.domain.verdict import CallResult
from easyai.masking import endpoint_label


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(-1.0, 0), (0.0, 0), (0.005, 0), (0.0051, 1), (10.0, 13), (10.1, 14)]
)
def test_a_duration_counts_in_the_bucket_whose_bound_it_does_not_pass(
    seconds: float, bucket: int
) -> None:
    histogram = Histogram.of([seconds])
    assert [number for number, count in enumerate(histogram.counts) if count] == [bucket]
    assert histogram.sum_sec == max(0.0, seconds)
    assert len(histogram.counts) == len(BOUNDS_SEC) + 1


def test_every_outcome_has_a_fate_of_the_bounded_set() -> None:
    totals = Totals()
    for outcome in Outcome:
        totals.settled("t", outcome, CallResult.REFUSED)
    fates = {(outcome, reason) for _, outcome, reason in totals.by_fate()}
    assert fates <= set(FATES)
    assert fates >= {
        *(("alert", ""), ("failed", "refused"), ("dropped", "queue_full"), ("sampled", "")),
        *(("dropped", "too_old"), ("dropped", "disk_low"), ("discarded", ""), ("missing", "")),
    }


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("http://10.0.0.7:7901/infer", "http://10.0.0.7:7901/infer"),
        ("http://user:secret@10.0.0.7/infer?model=a", "http://10.0.0.7/infer?model=a"),
        ("http://h/infer?api_key=secret&model=a", "http://h/infer?api_key=********&model=a"),
        ("http://[::1", "http://[::1"),
        ("http://[::1/infer?token=secret", "http://[::1/infer?token=********"),
        ("http://h/" + "x" * 180 + "?token=secret", "http://h/" + "x" * 180 + "?token=****"),
        ("http://h/" + "x" * 500, "http://h/" + "x" * 191),
    ],
)
def test_endpoint_label_is_short_and_without_secrets(url: str, label: str) -> None:
    assert endpoint_label(url) == label
    assert endpoint_label(label) == label
