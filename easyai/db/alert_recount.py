"""The SQL that compares the kept counts of alerts with the alerts, and counts the alerts anew."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db.alert_counts import BY_INDEX, MERGE_LOCK

_KEPT_OF_ALL: Final = (
    "SELECT coalesce(sum(alerts), 0) FROM alert_counts WHERE of_all = 1 AND task_type = ''"
)
_TOTALS: Final = text(f"SELECT ({_KEPT_OF_ALL}), (SELECT count(*) FROM alerts)")  # noqa: S608
_COUNTED: Final = """
    WITH of_types AS (
        SELECT task_type, id >> 13 AS block,
               CASE WHEN detection_count > 64 THEN 64 ELSE detection_count END AS detection_count,
               count(*) AS alerts, min(id) AS first_id, max(id) AS last_id,
               min(created_at) AS first_at, max(created_at) AS last_at
          FROM alerts {index} GROUP BY 1, 2, 3),
    counted AS (
        SELECT 0 AS of_all, task_type, block, detection_count, alerts,
               first_id, last_id, first_at, last_at
          FROM of_types
         UNION ALL
        SELECT 1, '', block, detection_count, sum(alerts),
               min(first_id), max(last_id), min(first_at), max(last_at)
          FROM of_types GROUP BY block, detection_count)
"""
# Bounds may be wider than the alerts (db/models_counts.py), never narrower.
_WRONG: Final = """,
    kept AS (
        SELECT of_all, task_type, block, detection_count, sum(alerts) AS alerts,
               min(first_id) AS first_id, max(last_id) AS last_id,
               min(first_at) AS first_at, max(last_at) AS last_at
          FROM alert_counts GROUP BY 1, 2, 3, 4 HAVING sum(alerts) <> 0),
    equal AS (
        SELECT count(*) AS number
          FROM counted JOIN kept USING (of_all, task_type, block, detection_count)
         WHERE kept.alerts = counted.alerts
           AND kept.first_id <= counted.first_id AND kept.last_id >= counted.last_id
           AND kept.first_at <= counted.first_at AND kept.last_at >= counted.last_at)
    SELECT (SELECT count(*) FROM counted) <> number OR (SELECT count(*) FROM kept) <> number
      FROM equal
"""
_REBUILD: Final = """
    INSERT INTO alert_counts (of_all, task_type, block, detection_count, part, alerts,
                              first_id, last_id, first_at, last_at)
"""
_KEEP: Final = """
    SELECT of_all, task_type, block, detection_count, 0, alerts,
           first_id, last_id, first_at, last_at
      FROM counted
"""
# Writers of alerts wait until the commit. It is the first lock of its transaction, which therefore
# holds nothing that a writer needs while it waits for the writer.
_KEEP_WRITERS_OUT: Final = text("LOCK TABLE alerts IN SHARE MODE")
_LOCK_COUNTS: Final = text("SELECT pg_advisory_xact_lock(:n)")


class Totals(NamedTuple):
    """How many alerts there are by the kept counts, and counted one by one."""

    kept: int
    alerts: int


def totals(conn: Connection) -> Totals:
    """Both totals at the same moment; reads an index entry for each alert."""
    kept, counted = conn.execute(_TOTALS).one()
    return Totals(int(kept), counted)


def are_wrong(conn: Connection) -> bool:
    """Whether a kept count differs from its alerts; reads an index entry for each alert."""
    return bool(conn.execute(text(_counted(conn) + _WRONG)).scalar_one())


def rebuild(conn: Connection) -> Totals:
    """Count all alerts anew, as the first statement of a transaction; returns the totals before."""
    if conn.dialect.name == "postgresql":
        conn.execute(_KEEP_WRITERS_OUT)
        conn.execute(_LOCK_COUNTS, {"n": MERGE_LOCK})
    before = totals(conn)
    conn.execute(text("DELETE FROM alert_counts"))
    conn.execute(text(_REBUILD + _counted(conn) + _KEEP))
    return before


def _counted(conn: Connection) -> str:
    return _COUNTED.format(index=BY_INDEX[conn.dialect.name])
