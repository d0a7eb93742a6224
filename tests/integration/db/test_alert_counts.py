"""The kept counts of alerts equal the alerts, whoever writes them and however a process ends."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from typing import Any

from sqlalchemy import Connection, text

from easyai.backup import dumped_rows
from easyai.db import alert_counts, alert_recount, alerts, migrate
from easyai.db.session import Database
from tests.support.alert_rows import insert
from tests.support.kept_counts import require_equal

_CRASH = """
import os, sys
from easyai.db.session import Database
from tests.support.alert_rows import insert
with Database(sys.argv[1]).write() as conn:
    insert(conn, id=7, task_id="c", task_type="t", detection_count=1, created_at=1.0)
    os._exit(9)
"""


def _change(conn: Connection, draw: random.Random, first_id: int) -> None:
    """Some of the statements that programs and operators run."""
    for number in range(draw.randrange(1, 40)):
        insert(
            conn,
            id=first_id + number * draw.randrange(1, 5000),
            task_id=f"c{draw.randrange(3)}",
            task_type=draw.choice(("", "t1", "t2")),
            detection_count=draw.choice((0, 1, 2, 63, 64, 65, 1000)),
            created_at=draw.uniform(0, 100),
        )
    known = list(conn.execute(text("SELECT id FROM alerts")).scalars())
    alerts.remove(conn, draw.sample(known, draw.randrange(len(known) // 2 + 1)))
    if draw.random() < 0.3:
        rename = "UPDATE alerts SET task_type = 't9', detection_count = 3 WHERE task_id = 'c1'"
        conn.execute(text(rename))
    if draw.random() < 0.3:
        conn.execute(text("UPDATE alerts SET id = id + 1000000000 WHERE task_id = 'c2'"))
    if draw.random() < 0.1:
        conn.execute(text("DELETE FROM alerts"))


def test_kept_counts_equal_the_alerts_after_any_changes(database: Database) -> None:
    draw = random.Random(11)
    for number in range(60):
        try:
            with database.write() as conn:
                _change(conn, draw, 1 + number * 300_000)
                if draw.random() < 0.3:
                    raise KeyError  # rolls back
        except KeyError:
            pass
        if draw.random() < 0.3:
            with database.write() as conn:
                alert_counts.merge(conn)
        require_equal(database)


def test_kept_counts_equal_the_alerts_when_a_writer_crashes(database: Database) -> None:
    with database.write() as conn:
        insert(conn, id=5, task_id="c", task_type="t", detection_count=1, created_at=1.0)
    done = subprocess.run([sys.executable, "-c", _CRASH, database.url], timeout=60, check=False)
    assert done.returncode == 9
    with database.write() as conn:  # waits on PostgreSQL until the server has seen the end
        insert(conn, id=7, task_id="c", task_type="t", detection_count=1, created_at=1.0)
    require_equal(database)
    with database.read() as conn:
        assert alerts.counts(conn) == (2, 0)


def test_writers_and_upkeep_at_once_keep_counts_equal(database: Database) -> None:
    until = time.monotonic() + 3.0
    errors: list[BaseException] = []

    def write(writer: int) -> None:
        draw = random.Random(writer)
        number = 0
        try:
            while time.monotonic() < until:
                number += 1
                own = (writer * 10_000 + number) * 10
                with database.write() as conn:
                    for place in draw.sample(range(10), 10):
                        insert(
                            conn,
                            id=own + place,
                            task_id="c",
                            task_type=f"t{place % 4}",
                            detection_count=place,
                            created_at=1.0,
                        )
                with database.write() as conn:
                    alerts.remove(conn, [own, own + 3])
                    if writer == 0:
                        alert_counts.merge(conn)
                if writer == 1:
                    with database.write() as conn:
                        alert_recount.rebuild(conn)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test names it
            errors.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    require_equal(database)


def test_merging_leaves_a_single_row_for_each_count(database: Database) -> None:
    for number in range(5):
        with database.write() as conn:
            insert(
                conn,
                id=1 + number,
                task_id="c",
                task_type="t",
                detection_count=number // 4,
                created_at=float(number),
            )
    with database.write() as conn:
        alerts.remove(conn, [5])
        alert_counts.merge(conn)
    with database.write() as conn:  # the part of the deletion is merged by the next run
        alert_counts.merge(conn)
        kept = "SELECT part, alerts, first_at, last_at FROM alert_counts WHERE of_all = 1"
        rows = conn.execute(text(kept))
        assert [tuple(row) for row in rows] == [(0, 4, 0.0, 3.0)]


def test_dump_leaves_the_counts_to_the_triggers(database: Database) -> None:
    with database.write() as conn:
        for id_ in (1, 2, 70_000):
            insert(conn, id=id_, task_id="c", task_type="t", detection_count=id_, created_at=1.0)
    with database.snapshot() as conn:
        dumped = [(name, columns, list(rows)) for name, columns, rows in dumped_rows.dump(conn)]
    with database.write() as conn:
        dumped_rows.drop(conn)
        migrate.upgrade_within(conn)
        dumped_rows.clear(conn)
        for name, columns, rows in dumped:
            dumped_rows.load(conn, name, columns, rows)
    require_equal(database)


def _rows(database: Database, sql: str) -> list[Any]:
    with database.read() as conn:
        return [tuple(row) for row in conn.execute(text(sql))]


def test_upgrade_counts_the_alerts_of_the_release_before(database_url: str) -> None:
    database = Database(database_url)
    migrate.make_folder_of(database)
    with database.write() as conn:
        migrate.upgrade_within(conn, "0011")
        for id_ in range(1, 200, 3):
            insert(
                conn,
                id=id_ * 1000,
                task_id="门口",
                task_type="人脸",
                detection_count=id_,
                created_at=float(id_),
            )
    assert migrate.upgrade(database_url) == migrate.newest()
    require_equal(database)
    before = _rows(database, "SELECT * FROM alerts ORDER BY id")
    migrate.downgrade(database_url, "0011")
    with database.write() as conn:
        insert(conn, id=1, task_id="c", task_type="t", detection_count=1, created_at=1.0)
    migrate.upgrade(database_url)
    require_equal(database)
    assert _rows(database, "SELECT * FROM alerts WHERE id > 1 ORDER BY id") == before
    database.dispose()
