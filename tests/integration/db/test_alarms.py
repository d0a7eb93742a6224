"""The table of alarms keeps known causes, and is read without the whole history."""

from __future__ import annotations

import pytest

from easyai.db import alarms
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import NO_REASON, quoted
from tests.support.site import Installation


def test_known_cause_is_kept_when_an_alarm_is_notified_without_a_cause(
    site: Installation,
) -> None:
    with site.runtime.db.write() as conn:
        alarms.record_notification(
            conn, "inference_stalled", "", found_cause("services_died"), 90.0, 100.0, 100.0
        )
        alarms.record_notification(conn, "inference_stalled", "", NO_REASON, 90.0, 100.0, 150.0)
        (row,) = alarms.ringing(conn)
        assert (row.cause, row.told_at) == ("services_died", 150.0)
        assert alarms.cause_of(row) == found_cause("services_died")
        alarms.record_notification(
            conn, "inference_stalled", "", quoted("CUDA is away"), 90.0, 100.0, 160.0
        )
        (row,) = alarms.ringing(conn)
        assert (row.cause, alarms.cause_of(row)) == ("CUDA is away", quoted("CUDA is away"))


def test_ringing_and_recent_alarms_are_read_without_the_whole_history(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site.runtime.db.write() as conn:
        alarms.record_notification(conn, "bus_down", "", quoted("refused"), 1.0, 1.0, 1.0)
        for number in range(10, 16):
            subject = f"http://10.0.0.9:79{number}/infer"
            alarms.record_notification(
                conn, "service_offline", subject, quoted("died"), number, number, number
            )
            alarms.record_end(conn, "service_offline", subject, number, number + 100.0)

        def raised(since: float) -> list[float]:
            return [row.raised_at for row in alarms.since(conn, since)]

        assert raised(0.0) == [1.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
        assert raised(114.0) == [1.0, 14.0, 15.0]
        monkeypatch.setattr(alarms, "NEWEST", 3)
        assert raised(0.0) == [1.0, 13.0, 14.0, 15.0], "the one that rings is the oldest"


def test_cause_of_the_previous_release_is_read_by_code_or_text(site: Installation) -> None:
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, raised_at, told_at)"
        " VALUES ('store_down', '', 'disk_full', 1, 1), ('bus_down', '', '', 2, 2)"
    )
    with site.runtime.db.read() as conn:
        first, second = alarms.ringing(conn)
    assert alarms.cause_of(first) == found_cause("disk_full")
    assert alarms.cause_of(second) == NO_REASON
