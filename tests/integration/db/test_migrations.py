"""Migrating from nothing equals the models, up and down, on both databases."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateIndex

from easyai.db import camera_hours, migrate
from easyai.db.alerts import OUTBOX_LOCK
from easyai.db.models import Base
from easyai.db.session import DISPATCH_LOCK, Database


def _plain(condition: Any) -> str:
    # PostgreSQL writes (state = 'pending'::text), SQLite the text of the statement.
    return re.sub(r"[()\s]|::text", "", str(condition)).replace("!=", "<>").lower()


def _conditions_of_models(conn: Connection) -> dict[str, str]:
    found = {}
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            sql = str(CreateIndex(index).compile(dialect=conn.dialect))
            found[str(index.name)] = _plain(sql.partition(" WHERE ")[2])
    return found


def _conditions_in_database(conn: Connection) -> dict[str, str]:
    if conn.dialect.name == "sqlite":
        rows = conn.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
        defined = {name: sql for name, sql in rows if sql}
    else:
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        defined = {row[0]: row[1] for row in conn.execute(text(query))}
    wanted = _conditions_of_models(conn)
    return {
        name: _plain(sql.partition(" WHERE ")[2]) for name, sql in defined.items() if name in wanted
    }


def _run(database: Database, revision: str) -> None:
    with database.write() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.downgrade(config, revision)


def test_migrating_from_nothing_equals_the_models(database_url: str) -> None:
    assert migrate.upgrade(database_url) == migrate.newest()
    database = Database(database_url)
    with database.read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_server_default": False})
        assert compare_metadata(context, Base.metadata) == []
        assert _conditions_in_database(conn) == _conditions_of_models(conn)
    database.dispose()


def test_every_partial_index_has_its_condition(database_url: str) -> None:
    migrate.upgrade(database_url)
    database = Database(database_url)
    with database.read() as conn:
        conditions = _conditions_in_database(conn)
    database.dispose()
    assert conditions["uq_frames_key_in_place"] == "image_pathisnull"
    assert conditions["ix_frames_pending"] == "state='pending'"
    assert conditions["ix_frames_pending_stream"] == "state='pending'andstreamisnotnull"
    assert conditions["ix_frames_parked"] == "state='parked'"
    assert conditions["ix_frames_retried"] == "settled_atisnullandtries>0"
    assert conditions["ix_frames_requeued"] == "state='pending'andrequeued_atisnotnull"
    assert conditions["ix_alerts_unpublished"] == "published_atisnull"
    assert conditions["ix_alerts_many"] == "detection_count>=64"
    assert conditions["uq_alarms_ringing"] == "over_atisnull"
    assert conditions["ix_frames_leased"] == "state='leased'"
    assert conditions["ix_frames_image_target"] == "image_targetisnotnull"
    assert conditions["ix_frames_failed"] == "state='failed'"
    assert conditions["uq_alerts_image_path"] == "image_path<>''"


def test_downgrade_to_base_and_upgrade_equal_the_models(database_url: str) -> None:
    migrate.upgrade(database_url)
    database = Database(database_url)
    _run(database, "base")
    with database.read() as conn:
        assert set(inspect(conn).get_table_names()) <= {"alembic_version"}
    assert migrate.upgrade(database_url) == migrate.newest()
    with database.read() as conn:
        assert compare_metadata(MigrationContext.configure(conn), Base.metadata) == []
    database.dispose()


def test_second_upgrade_keeps_existing_rows(database_url: str) -> None:
    migrate.upgrade(database_url)
    database = Database(database_url)
    with database.write() as conn:
        conn.execute(text("INSERT INTO task_types (name, first_seen) VALUES ('人脸', 1)"))
    assert migrate.upgrade(database_url) == migrate.newest()
    with database.read() as conn:
        assert conn.execute(text("SELECT name FROM task_types")).scalars().all() == ["人脸"]
    database.dispose()


def test_cameras_counted_before_camera_types_are_listed_after_the_upgrade(
    database_url: str,
) -> None:
    migrate.upgrade(database_url)
    database = Database(database_url)
    _run(database, "0016")
    hours = [(7, "门口1", 2), (9, "门口1", 1), (9, "gone", -1)]
    with database.write() as conn:
        for hour, camera, frames in hours:
            values = {"hour": hour, "camera": camera, "frames": frames}
            row = "(:hour, :camera, '人脸', 'failed', :frames)"
            conn.execute(text(f"INSERT INTO camera_hours VALUES {row}"), values)
    migrate.upgrade(database_url)
    with database.read() as conn:
        assert camera_hours.types(conn, 9, 10) == {"门口1": {"人脸"}}
        assert camera_hours.types(conn, 10, 10) == {}
    database.dispose()


def test_migration_lock_differs_from_outbox_and_dispatch_locks() -> None:
    assert len({migrate._MIGRATION_LOCK, OUTBOX_LOCK, DISPATCH_LOCK}) == 3


def test_concurrent_upgrades_all_succeed(database_url: str) -> None:
    program = "import sys; from easyai.db.migrate import upgrade; print(upgrade(sys.argv[1]))"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 3, ended
    assert {out.strip() for out, _ in ended} == {migrate.newest()}
