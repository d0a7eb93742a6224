"""Times in queries."""

from __future__ import annotations

from datetime import datetime

import pytest

from easyai.api.alert_query import parse_moment

MOMENT = 1_762_920_461.0  # 2025-11-12 04:07:41 UTC


@pytest.mark.parametrize(
    "text",
    [
        "1762920461",
        " 1762920461.0 ",
        "2025-11-12T04:07:41Z",
        "2025-11-12T04:07:41.000Z",
        "2025-11-12T12:07:41+08:00",
        "2025-11-12T12:07:41 08:00",
        "2025-11-12 12:07:41 0800",
        "20251112T040741Z",
    ],
)
def test_unix_seconds_and_iso_8601_mean_the_same(text: str) -> None:
    assert parse_moment(text) == MOMENT


def test_a_date_before_1970_is_a_time_too() -> None:
    assert parse_moment("1969-12-31T23:59:00Z") == -60


@pytest.mark.parametrize("text", ["2025-11-12 04:07:41", "2025-11-12T04:07:41", "2025-11-12"])
def test_a_time_without_a_zone_is_local(text: str) -> None:
    assert parse_moment(text) == datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-13-01", "nan", "inf", "-1", "1762920461000", "12:30:00 08:00"]
)
def test_time_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|Unix seconds"):
        parse_moment(text)
