"""The watchdog beside processes started by hand: it works without the processes it watches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.part_process import (
    PartProcess,
    celery_command,
    easyai_command,
    run_to_end,
    worker,
)
from tests.support.waiting import wait_until

STALL_SEC = 3


@dataclass(frozen=True)
class Parts:
    """A worker, a beat and a watchdog on the embedded defaults; nobody restarts them."""

    folder: Path
    beat: PartProcess
    watchdog: PartProcess

    def alerts(self) -> list[tuple[str, str]]:
        """The system alerts: type and message."""
        database = sqlite3.connect(self.folder / "data" / "easyai.db")
        try:
            rows = database.execute("SELECT task_type, result FROM alerts ORDER BY id")
            return [(str(row[0]), str(row[1])) for row in rows]
        finally:
            database.close()

    def kinds(self) -> list[str]:
        """The types alone."""
        return [kind for kind, _ in self.alerts()]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """All three at work."""
    environment = {
        "EASYAI_DATA_DIR": str(tmp_path / "data"),
        "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(tmp_path / "snapshots"),
        "EASYAI_AI_ANALYSIS__STALL_ALARM_SEC": str(STALL_SEC),
    }
    upgraded = run_to_end(easyai_command("db", "upgrade"), environment, tmp_path)
    assert upgraded.returncode == 0, upgraded.stderr
    beat = PartProcess(
        celery_command("beat", "-l", "INFO", "--pidfile", ""),
        environment,
        lambda part: " leads" in part.all_output(),
    )
    watchdog = PartProcess(
        easyai_command("watchdog"),
        environment,
        lambda part: "notifies of alarms" in part.all_output(),
    )
    with ExitStack() as stack:
        for part in (worker("alone", environment), beat, watchdog):
            stack.callback(part.close)
            part.start()
        yield Parts(tmp_path, beat, watchdog)


def test_dead_beat_and_its_return_are_notified_once_although_the_watchdog_dies_too(
    parts: Parts,
) -> None:
    wait_until(lambda: parts.beat.answers() and _scanned(parts), 30, "a scan succeeded")
    wait_until(lambda: parts.kinds() in ([], ["inference_stalled", "recovered"]), 30, "all is well")
    before = parts.kinds()
    parts.beat.kill()
    wait_until(lambda: parts.kinds() == [*before, "inference_stalled"], 40, "the alarm is raised")
    assert "no frame could be found" in parts.alerts()[-1][1]
    parts.watchdog.kill()
    parts.watchdog.start()
    parts.beat.start()
    wait_until(lambda: parts.kinds() == [*before, "inference_stalled", "recovered"], 40, "its end")


def _scanned(parts: Parts) -> bool:
    database = sqlite3.connect(parts.folder / "data" / "easyai.db")
    try:
        found = database.execute("SELECT done_at FROM process_leases WHERE name = 'scan'")
        return any(row[0] for row in found)
    finally:
        database.close()
