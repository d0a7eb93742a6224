"""A token bucket holds the tokens of a second, and fills as time goes by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.rate_limit import Bucket, full
from easyai.settings.schema import parse_rate


@given(st.floats(0.001, 1000), st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_frames_sent_never_exceed_the_rate_plus_a_burst(rate: float, pauses: list[float]) -> None:
    bucket, now, sent = Bucket(full(rate), 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        bucket = bucket.filled(rate, now)
        sent += int(bucket.tokens)
        bucket = bucket.without(int(bucket.tokens))
    assert sent <= full(rate) + rate * now + 1e-6


@given(st.floats(0.001, 1000))
def test_token_is_there_at_the_predicted_moment(rate: float) -> None:
    bucket = Bucket(0.25, 100.0)
    at = bucket.next_at(rate)
    assert bucket.filled(rate, at).tokens == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "per_sec"),
    [("30/s", 30.0), ("6/m", 0.1), ("3600/h", 1.0), (" 0.5 / s ", 0.5), ("", 0.0)],
)
def test_a_rate_is_frames_a_second_minute_or_hour(text: str, per_sec: float) -> None:
    assert parse_rate(text) == pytest.approx(per_sec)


@pytest.mark.parametrize("text", ["30", "30/d", "0/s", "-1/s", "many", "1e3/s", "9999999999/s"])
def test_malformed_rate_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"settings\.no_rate"):
        parse_rate(text)
