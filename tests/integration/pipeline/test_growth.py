"""A simulated year at 30 frames a second: database and pictures stop growing."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from easyai.db import alerts, events, processes, recorded_frames, space, statistics
from easyai.db.statistics import Tally
from easyai.domain.reason import quoted
from easyai.pipeline import sqlite_file, upkeep
from tests.support.site import JPEG, TYPE, Installation

DAY = 86_400.0
MONTH_DAYS = 30
MONTHS = 12
STEP_DAYS = 5  # between two runs of upkeep
SCALE = 10_000  # a frame stands for so many
FRAMES = int(30 * DAY / SCALE) * STEP_DAYS  # per step
HISTORY_ROWS = 2_000_000 // SCALE
ALERTS = 40  # per step
ALERTS_KEPT = 100
EVENTS = 20  # per step
EVENTS_KEPT = 100
_SERIES = {
    True: "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {most})"
    " SELECT n FROM s",
    False: "SELECT n FROM generate_series(1, {most}) AS s(n)",
}
_SETTLED = """
    INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at, due_at,
                        settled_at, outcome, detection_count, inference_ms, image_path)
    SELECT CAST(:key AS TEXT) || n || '.jpg', :type, '门口1', 'done', '1764000000000000000-61580',
           :now, :now, :now, :now, 'no_detection', 0, 40, ''
      FROM ({series}) AS numbers
"""


class Year:
    """An installation with a simulated clock."""

    def __init__(self, site: Installation) -> None:
        self._site = site
        self._day = 0
        self._random = random.Random(1)
        self.began = time.time()

    @property
    def now(self) -> float:
        """The end of the current day."""
        return self.began + self._day * DAY

    def month(self) -> tuple[int, int]:
        """Simulate thirty days; returns the bytes of the database and the number of pictures."""
        for _ in range(MONTH_DAYS // STEP_DAYS):
            self._day += STEP_DAYS
            with self._site.runtime.db.write() as conn:
                self._live(conn)
            upkeep.run(self._site.runtime, lambda: self.now)
        db = self._site.runtime.db
        if not db.is_sqlite:
            # As autovacuum, which cannot keep up with a year in seconds.
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                conn.exec_driver_sql("VACUUM")
        return space.space(db).size, len(self._site.pictures("alerts"))

    def _live(self, conn: Connection) -> None:
        first = self._frames(conn)
        self._alerts(conn, first)
        happened = [
            events.Event(
                self.now, "breaker_open", f"http://127.0.0.1:{n}/infer", quoted("refused " * 8)
            )
            for n in range(EVENTS)
        ]
        events.add(conn, happened)
        statistics.add(conn, {TYPE: Tally(found=FRAMES)}, self.now)
        processes.beat(conn, "worker", "edge", self._day, self.now)

    def _frames(self, conn: Connection) -> int:
        """Add the settled frames of a step; returns the id of the first."""
        newest = recorded_frames.newest_id(conn)
        series = _SERIES[self._site.runtime.db.is_sqlite]
        values = {"now": self.now, "key": f"{TYPE}/门口1/2025-{self._day:04}-", "type": TYPE}
        conn.execute(text(_SETTLED.format(series=series.format(most=FRAMES))), values)
        return newest + 1

    def _alerts(self, conn: Connection, first: int) -> None:
        rows = []
        for number in range(ALERTS):
            path = f"alerts/{self._key(number)}"
            self._site.put(path, JPEG, modified_at=self.now)
            rows.append(
                {
                    "frame_id": first + number,
                    "task_id": "门口1",
                    "task_type": TYPE,
                    "image_path": path,
                    "algorithm_id": "yolo",
                    "algorithm_name": "YOLO",
                    "result": '{"objects":[' + "1," * self._random.randrange(400) + "1]}",
                    "confidence": 0.9,
                    "detection_count": 1,
                    "inference_time_ms": 40.0,
                    "now": self.now,
                }
            )
        alerts.add(conn, rows, for_bus=False)

    def _key(self, number: int) -> str:
        return f"{TYPE}/门口1/2025-{self._day:04}-{number:06}.jpg"


@pytest.fixture
def year(site: Installation, monkeypatch: pytest.MonkeyPatch) -> Year:
    """A year that has not begun; limits are scaled like the frames."""
    monkeypatch.setattr(upkeep, "MOST_LOG_ROWS", EVENTS_KEPT)
    monkeypatch.setattr(sqlite_file, "_KEPT_FREE_BYTES", 64 * 1024)
    site.configure(max_history_rows=HISTORY_ROWS, max_alerts_in_db=ALERTS_KEPT)
    return Year(site)


def test_database_stops_growing_after_two_months_at_thirty_frames_a_second(
    year: Year, site: Installation, tmp_path: Path
) -> None:
    months = [year.month() for _ in range(MONTHS)]
    sizes = [size for size, _ in months]
    # PostgreSQL cleans up at times of its own: the second month may end smaller than the first.
    assert max(sizes[2:]) <= max(sizes[:2]) * 1.1, sizes
    assert {pictures for _, pictures in months} == {ALERTS_KEPT}
    rows = {table.name: table.rows for table in space.tables(site.runtime.db)}
    assert rows["frames"] == HISTORY_ROWS
    assert rows["alerts"] == ALERTS_KEPT
    assert rows["events"] <= EVENTS_KEPT + 1
    assert rows["processes"] <= 2
    assert rows["statistics"] <= 2
    if site.runtime.db.is_sqlite:
        assert (tmp_path / "easyai.db-wal").stat().st_size < 40 * 2**20
