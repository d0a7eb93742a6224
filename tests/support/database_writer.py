"""A process that writes, checkpoints and opens and closes an SQLite database all the time.

python -m tests.support.database_writer FILE NAME SECONDS [busy]: adds a row, and after each commit
writes its number on standard output. Every tenth write is followed by something that checkpoints.
`busy`: large transactions only, without pauses.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from easyai.db import space
from easyai.db.session import Database
from tests.support.part_process import clean_environment

ADD = text("INSERT INTO rows (writer, number, fill) VALUES (:writer, :number, :fill)")


def prepare(path: Path) -> Database:
    """The database with the table that the writers fill."""
    database = Database(f"sqlite:///{path}")
    with database.write() as conn:
        conn.execute(text("CREATE TABLE rows (writer TEXT, number INTEGER, fill TEXT)"))
        conn.execute(text("CREATE INDEX by_number ON rows (writer, number)"))
        conn.execute(text("CREATE TABLE sums (writer TEXT PRIMARY KEY, count INTEGER)"))
    return database


def writer(path: Path, name: str, seconds: float, *how: str) -> subprocess.Popen[str]:
    """A process that writes for so long; its output has a line for each commit."""
    arguments = [str(path), name, str(seconds), *how]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.database_writer", *arguments],
        env=clean_environment({}),
        stdout=subprocess.PIPE,
        text=True,
    )


def write_side_by_side(path: Path, seconds: float) -> None:
    """Four processes write and checkpoint; a writer is killed meanwhile. No row is lost."""
    database = prepare(path)
    writers = {name: writer(path, name, seconds) for name in "abcd"}
    first = writers["d"].stdout
    assert first
    assert first.readline() == "1\n"
    time.sleep(seconds * 0.7)
    writers["d"].kill()
    for name, process in writers.items():
        output, _ = process.communicate(timeout=seconds + 30)
        written = int(output.split()[-1])
        with database.read() as conn:
            rows = conn.execute(
                text("SELECT count(*), max(number) FROM rows WHERE writer = :w"), {"w": name}
            ).one()
            total = conn.execute(
                text("SELECT count FROM sums WHERE writer = :w"), {"w": name}
            ).scalar_one()
        # The killed process may have committed a row without acknowledging it.
        assert written <= total <= written + (name == "d")
        assert tuple(rows) == (total, total)
    with database.read() as conn:
        assert conn.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    database.dispose()


def main() -> None:
    """Write until the time is over."""
    path, name, seconds, *rest = sys.argv[1:]
    ends_at = time.monotonic() + float(seconds)
    database = Database(f"sqlite:///{path}")
    for number in itertools.count(1):
        if time.monotonic() >= ends_at:
            break
        _write(database, name, number, rows=300 if rest else 1)
        print(number, flush=True)
        if not rest and number % 10 == 0:
            database = _disturb(database, number // 10)
    database.dispose()


def _write(database: Database, name: str, number: int, rows: int) -> None:
    row = {"writer": name, "number": number, "fill": "x" * 300}
    count = text(
        "INSERT INTO sums VALUES (:writer, 1)"
        " ON CONFLICT (writer) DO UPDATE SET count = sums.count + 1"
    )
    with database.write() as conn:
        conn.execute(ADD, [row] * rows)
        conn.execute(count, row)


def _disturb(database: Database, number: int) -> Database:
    if number % 3 == 0:
        space.checkpoint(database, 0)  # cuts the log to nothing
    elif number % 3 == 1:
        space.checkpoint(database, 1 << 40)
    else:
        database.dispose()
        return Database(database.url)
    return database


if __name__ == "__main__":
    main()
