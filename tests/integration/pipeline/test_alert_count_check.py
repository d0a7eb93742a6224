"""Kept counts of alerts that differ from the alerts are found and counted anew."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from easyai.db import alert_recount
from easyai.pipeline import upkeep
from tests.support.alert_rows import insert
from tests.support.site import TYPE, Installation

DAY = 86_400.0
NOW = 1_800_000_000.0


def add(site: Installation, count: int, first: int = 1) -> None:
    """Insert alerts without pictures, each with a detection count of its own."""
    with site.runtime.db.write() as conn:
        for id_ in range(first, first + count):
            values = {"task_id": "c", "task_type": TYPE, "created_at": float(id_)}
            insert(conn, id=id_, detection_count=id_, **values)


def run(site: Installation, now: float = NOW) -> upkeep.UpkeepReport:
    """Run upkeep at a time."""
    return upkeep.run(site.runtime, lambda: now)


def is_right(site: Installation) -> bool:
    """Whether the counts equal the alerts."""
    with site.runtime.db.snapshot() as conn:
        return not alert_recount.are_wrong(conn)


def drift_up(site: Installation) -> None:
    """Count an alert twice, as statements do that no trigger sees."""
    if site.runtime.db.is_sqlite:
        columns = "task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
        columns += " confidence, detection_count, inference_time_ms, created_at, updated_at"
        site.execute(
            f"INSERT OR REPLACE INTO alerts (id, {columns})"
            f" SELECT id, {columns} FROM alerts WHERE id <= 3"
        )
        return
    with site.runtime.db.write() as conn:
        conn.execute(text("ALTER TABLE alerts DISABLE TRIGGER alerts_deleted"))
        conn.execute(text("CREATE TEMPORARY TABLE again ON COMMIT DROP AS SELECT * FROM alerts"))
        conn.execute(text("DELETE FROM alerts WHERE id <= 3"))
        conn.execute(text("INSERT INTO alerts SELECT * FROM again WHERE id <= 3"))
        conn.execute(text("ALTER TABLE alerts ENABLE TRIGGER alerts_deleted"))


def test_counts_that_drifted_up_delete_no_alert(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    add(site, 5)
    run(site)  # compares the counts: the next comparison is a day later
    drift_up(site)
    assert not is_right(site)
    site.configure(max_alerts_in_db=5)
    assert run(site).alerts == 0
    assert len(site.alerts()) == 5
    assert is_right(site)
    assert "counted anew: kept=8 alerts=5" in caplog.text
    add(site, 2, first=6)
    assert run(site).alerts == 2
    assert [alert["id"] for alert in site.alerts()] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM alert_counts",
        "DELETE FROM alert_counts WHERE of_all = 0 AND detection_count = 2",
        "UPDATE alert_counts SET alerts = alerts + 1 WHERE of_all = 1 AND detection_count = 4",
        "UPDATE alert_counts SET detection_count = 9 WHERE of_all = 1 AND detection_count = 4",
        "UPDATE alert_counts SET first_id = first_id + 1 WHERE detection_count = 4",
        "UPDATE alert_counts SET last_id = last_id - 1 WHERE detection_count = 4",
        "UPDATE alert_counts SET first_at = first_at + 1 WHERE detection_count = 4",
        "UPDATE alert_counts SET last_at = last_at - 1 WHERE detection_count = 4",
        "INSERT INTO alert_counts SELECT of_all, task_type, 7, 1, part, 1, 1, 1, 1, 1"
        " FROM alert_counts WHERE detection_count = 4",
    ],
)
def test_wrong_counts_are_counted_anew_within_a_day(
    site: Installation, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    add(site, 5)
    run(site)
    assert "counted anew" not in caplog.text
    site.execute(damage)
    run(site, NOW + DAY - 1)
    assert not is_right(site)
    run(site, NOW + DAY + 1)
    assert is_right(site)
    assert "counted anew" in caplog.text


def test_counts_are_compared_at_once_after_the_clock_was_set_back(site: Installation) -> None:
    add(site, 5)
    run(site, NOW + 9 * DAY)
    site.execute("DELETE FROM alert_counts")
    run(site)
    assert is_right(site)
