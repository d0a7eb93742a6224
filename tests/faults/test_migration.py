"""A new version starts on a database of the old version, with frames waiting and leased."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text

from easyai.db import migrate
from easyai.db.session import Database
from easyai.store.local_folder import version_of
from tests.faults.conftest import Trials
from tests.faults.installations import BOTH, Production
from tests.faults.trial import Trial

OLD = "0001"
_FRAME = text("""
    INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at, due_at,
                        lease_token, lease_expires_at, leased_at, service_pk)
    VALUES (:key, :task_type, :task_id, :state, :version, :now, :now, :now,
            :token, :expires_at, :leased_at, :service_pk)
""")
_TYPE = text("INSERT INTO task_types (name, first_seen) VALUES (:name, :now)")


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
def test_migration_with_frames_in_flight_loses_no_frame(trials: Trials, kind: str) -> None:
    trial = trials(kind, migrated=False)
    trial.camera.burst(200)
    _make_old(trial)
    if isinstance(trial.site, Production):
        trial.site.migrate_after_sec = 5  # the processes of the new version are there first
    with trial:
        with trial.fault("database of the version before, frames waiting and in flight"):
            assert migrate.current(trial.site.database_url)[0] == migrate.newest() != OLD
        trial.resumes(within_sec=15)


def _make_old(trial: Trial) -> None:
    """As the old version left it when it was stopped by the plug."""
    database = Database(trial.site.database_url)
    migrate.make_folder_of(database)
    with database.write() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.upgrade(config, OLD)
        _record(conn, trial.site.frames, trial.camera.keys)
    database.dispose()


def _record(conn: Connection, frames: Path, keys: list[str]) -> None:
    now = time.time()
    for name in sorted({key.partition("/")[0] for key in keys}):
        conn.execute(_TYPE, {"name": name, "now": now})
    for number, key in enumerate(keys):
        task_type, task_id, _ = key.split("/")
        leased = number % 4 == 0
        values = {"key": key, "task_type": task_type, "task_id": task_id, "now": now}
        values |= {"state": "leased" if leased else "pending", "token": "of-the-old" * leased}
        values["version"] = version_of((frames / key).lstat())
        values |= {"expires_at": now + 3, "leased_at": now, "service_pk": 1}
        conn.execute(_FRAME, values)
