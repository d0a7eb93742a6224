"""The database restarts or stays locked: answers wait, no frame is lost or doubled."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.installations import EMBEDDED, PRODUCTION, Embedded, Production
from tests.support.database_writer import write_side_by_side


@contextmanager
def _locked(trial_site: Embedded) -> Iterator[None]:
    """Another program holds the only write lock, as a backup or a curious shell does."""
    other = sqlite3.connect(trial_site.data / "easyai.db", timeout=30, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@pytest.mark.faults
def test_inference_resumes_after_sqlite_was_locked_for_20_s(trials: Trials) -> None:
    with trials(EMBEDDED) as trial:
        assert isinstance(trial.site, Embedded)
        with trial.fault("SQLite locked for 20 s"), _locked(trial.site):
            ends_at = time.monotonic() + 20
            trial.alarm("inference_stalled", "database does not work", within_sec=20)
            time.sleep(max(0.0, ends_at - time.monotonic()))
        trial.resumes(within_sec=15)
        trial.alarm_over("inference_stalled", within_sec=30)


@pytest.mark.faults
def test_sqlite_stays_intact_under_four_writing_and_checkpointing_processes(tmp_path: Path) -> None:
    write_side_by_side(tmp_path / "a.db", seconds=60)


@pytest.mark.faults
def test_inference_survives_postgresql_away_stopped_killed_and_hung(trials: Trials) -> None:
    with trials(PRODUCTION, delay_sec=0.3) as trial:
        assert isinstance(trial.site, Production)
        server = trial.site.postgres
        with trial.fault("PostgreSQL away for long"):
            server.stop()
            trial.alarm("inference_stalled", "database does not work", within_sec=60)
            server.start()
        trial.resumes(within_sec=20)
        trial.alarm_over("inference_stalled", within_sec=30)
        trial.rest()
        for name, end in (("restarted", server.stop), ("killed", server.kill)):
            with trial.fault(f"PostgreSQL {name}"):
                end()
                time.sleep(6)
                server.start()
            trial.resumes(within_sec=20)
            trial.rest()
        with trial.fault("PostgreSQL hangs for 10 s"):
            server.pause()
            time.sleep(10)
            server.resume()
        trial.resumes(within_sec=20)
