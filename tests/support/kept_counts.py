"""Compares the kept counts of alerts with the alerts, by SQL of its own."""

from __future__ import annotations

from sqlalchemy import text

from easyai.db.session import Database

_KEPT = """
    SELECT of_all, task_type, block, detection_count, CAST(sum(alerts) AS BIGINT) AS alerts
      FROM alert_counts GROUP BY 1, 2, 3, 4 HAVING sum(alerts) <> 0 ORDER BY 1, 2, 3, 4
"""
_COUNTED = """
    SELECT 0 AS of_all, task_type, id >> 13 AS block,
           CASE WHEN detection_count > 64 THEN 64 ELSE detection_count END AS detection_count,
           count(*)
      FROM alerts GROUP BY 1, 2, 3, 4
     UNION ALL
    SELECT 1, '', id >> 13, CASE WHEN detection_count > 64 THEN 64 ELSE detection_count END,
           count(*)
      FROM alerts GROUP BY 3, 4
     ORDER BY 1, 2, 3, 4
"""
# Rows of alerts outside of the bounds of their counts, which are two: of their type, and of all.
_OUTSIDE = """
    SELECT count(*) FROM alerts WHERE 2 <> (
        SELECT count(*) FROM (
            SELECT of_all FROM alert_counts AS kept
             WHERE kept.task_type = CASE of_all WHEN 1 THEN '' ELSE alerts.task_type END
               AND block = alerts.id >> 13
               AND kept.detection_count
                   = CASE WHEN alerts.detection_count > 64 THEN 64 ELSE alerts.detection_count END
             GROUP BY of_all
            HAVING min(first_id) <= alerts.id AND max(last_id) >= alerts.id
               AND min(first_at) <= alerts.created_at AND max(last_at) >= alerts.created_at
            ) AS around)
"""


def require_equal(database: Database) -> None:
    """Require that every count and its bounds equal the alerts."""
    with database.snapshot() as conn:
        kept = [tuple(row) for row in conn.execute(text(_KEPT))]
        assert kept == [tuple(row) for row in conn.execute(text(_COUNTED))]
        assert conn.execute(text(_OUTSIDE)).scalar_one() == 0
