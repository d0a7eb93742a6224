"""Months of history: settled rows in the ledger, pictures beside their alerts."""

from __future__ import annotations

import os

from sqlalchemy import text

from bench.pictures import CAMERAS, TASK_TYPE, camera_name
from easyai.runtime import Runtime

_ALERT_EVERY = 10  # settled frames per frame with a detection
_PERIOD_SEC = 90 * 86_400
_END = 1_764_000_000  # Unix seconds
# One statement: inserting a million rows through Python would dominate the benchmark's time.
_SETTLED = text("""
    INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at, due_at,
                        service_pk, leased_at, settled_at, outcome, detection_count, inference_ms,
                        image_path)
    WITH RECURSIVE number(n, at) AS (
        SELECT 0, CAST(:began AS REAL)
        UNION ALL
        SELECT n + 1, at + :step FROM number WHERE n + 1 < :count
    )
    SELECT :prefix || (n % :cameras + 1) || '/' || printf('%08d', n) || '.jpg', :task_type,
           :camera || (n % :cameras + 1), 'done', printf('%d000000-6158', at * 1000),
           at, at + 0.4, at + 0.4, 1, at + 0.5, at + 0.6,
           CASE WHEN n % :every = 0 THEN 'alert' ELSE 'no_detection' END,
           CASE WHEN n % :every = 0 THEN 1 + n % 3 ELSE 0 END, 40 + n % 25,
           CASE WHEN n % :every = 0
                THEN :alerts || (n % :cameras + 1) || '/' || printf('%08d', n) || '.jpg'
                ELSE '' END
      FROM number
""")


def add_settled_rows(runtime: Runtime, count: int) -> None:
    """Insert settled frames of three months into an SQLite ledger."""
    camera = camera_name(0).rstrip("1")
    values = {
        "count": count,
        "began": _END - _PERIOD_SEC,
        "step": _PERIOD_SEC / count,
        "cameras": CAMERAS,
        "camera": camera,
        "task_type": TASK_TYPE,
        "prefix": f"{TASK_TYPE}/{camera}",
        "alerts": f"{runtime.settings.ai_analysis.alert_base_path}{TASK_TYPE}/{camera}",
        "every": _ALERT_EVERY,
    }
    with runtime.db.write() as conn:
        conn.execute(_SETTLED, values)
    # Otherwise the first timed ticks would checkpoint the log of this transaction.
    with runtime.db.engine.connect() as conn:
        conn.exec_driver_sql("ROLLBACK")
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def add_alert_files(runtime: Runtime, count: int) -> None:
    """Create empty pictures in the alert folder: a listing depends only on their number."""
    settings = runtime.settings
    alerts = settings.frame_extractor.output_dir / settings.ai_analysis.alert_base_path / TASK_TYPE
    folders = [alerts / camera_name(number) for number in range(CAMERAS)]
    for folder in folders:
        folder.mkdir(parents=True)
    for number in range(count):
        path = folders[number % CAMERAS] / f"{number:08d}.jpg"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
