"""The database restarts, or somebody holds its lock: answers wait, nothing is lost or doubled."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.conftest import Trials
from tests.faults.installations import EMBEDDED, PRODUCTION, Embedded, Production


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
def test_sqlite_locked_for_20_s(trials: Trials) -> None:
    with trials(EMBEDDED) as trial:
        assert isinstance(trial.site, Embedded)
        with trial.fault("SQLite locked for 20 s"), _locked(trial.site):
            ends_at = time.monotonic() + 20
            trial.alarm("inference_stalled", "database does not work", within_sec=20)
            time.sleep(max(0.0, ends_at - time.monotonic()))
        trial.resumes(within_sec=15)
        trial.alarm_over("inference_stalled", within_sec=30)


@pytest.mark.faults
@pytest.mark.parametrize("way", ["restarted", "killed", "hangs"])
def test_postgresql(trials: Trials, way: str) -> None:
    with trials(PRODUCTION, delay_sec=0.3) as trial:
        assert isinstance(trial.site, Production)
        server = trial.site.postgres
        if way == "hangs":
            with trial.fault("PostgreSQL hangs for 10 s"):
                server.pause()
                time.sleep(10)
                server.resume()
        else:
            with trial.fault(f"PostgreSQL {way}"):
                (server.kill if way == "killed" else server.stop)()
                time.sleep(6)
                server.start()
        trial.resumes(within_sec=20)


@pytest.mark.faults
def test_a_postgresql_that_stays_away_is_told_of_with_its_cause(trials: Trials) -> None:
    with trials(PRODUCTION) as trial:
        assert isinstance(trial.site, Production)
        server = trial.site.postgres
        with trial.fault("PostgreSQL away for long"):
            server.stop()
            trial.alarm("inference_stalled", "database does not work", within_sec=60)
            server.start()
        trial.resumes(within_sec=20)
        trial.alarm_over("inference_stalled", within_sec=30)
