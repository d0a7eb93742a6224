"""Back to a moment before a mistake, as in docs/recovery.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.db import migrate, task_types
from easyai.db.session import Database
from tests.production.databases.replication import Copy, Primary
from tests.support.waiting import wait_until


@pytest.fixture
def primary() -> Iterator[Primary]:
    """A PostgreSQL that puts its log into a folder, as docs/recovery.md sets it up."""
    made = Primary()
    archive = made.folder / "archive"
    archive.mkdir(mode=0o777)
    archive.chmod(0o777)
    made.settings = {
        **made.settings,
        "archive_mode": "on",
        "archive_command": f"test ! -f {archive}/%f && cp %p {archive}/%f",
    }
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_database_is_restored_to_the_moment_before_a_mistake(primary: Primary) -> None:
    url = primary.create_database()
    migrate.upgrade(url)
    database = Database(url)
    _see(database, "before the copy")
    copy = Copy(primary)
    try:
        copy._make_cluster()
        _see(database, "after the copy")
        with database.read() as conn:
            moment = str(conn.execute(text("SELECT clock_timestamp()")).scalar_one())
        with database.write() as conn:
            conn.execute(text("DELETE FROM task_types"))
        database.dispose()
        _archive_all(primary)
        primary.kill()

        data = copy.folder / "data"
        (data / "recovery.signal").touch()
        copy.settings = {
            **copy.settings,
            "restore_command": f"cp {primary.folder}/archive/%f %p",
            "recovery_target_time": moment,
            "recovery_target_action": "promote",
        }
        copy.start()
        wait_until(lambda: copy.query("SELECT pg_is_in_recovery()") == [(False,)], 30, "promoted")
        restored = Database(url.replace(str(primary.port), str(copy.port)))
        with restored.write() as conn:
            assert set(task_types.names(conn)) == {"before the copy", "after the copy"}
            conn.execute(text("SELECT setval('alerts_id_seq', 5000)"))  # as on the page
        restored.dispose()
    finally:
        copy.close()


def _see(database: Database, name: str) -> None:
    with database.write() as conn:
        task_types.add(conn, [name], 0.0)


def _archive_all(primary: Primary) -> None:
    """As time does: the log is put away when a segment is full, or after archive_timeout."""
    (found,) = primary.query("SELECT pg_walfile_name(pg_switch_wal())")
    segment = Path(primary.folder) / "archive" / str(found[0])
    wait_until(segment.exists, 30, "the last segment is in the archive")
