"""The rows of a backup: every row as of the same moment, and which pictures the rows name."""

from __future__ import annotations

import gzip
import json
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, create_engine, text

from easyai import __version__
from easyai.backup import dumped_rows
from easyai.backup.archive import FORMAT, Writer
from easyai.backup.progress_lines import Progress
from easyai.backup.wanted import of_alert, of_frame
from easyai.db import clock
from easyai.db.revision import newest, revision
from easyai.db.session import Database
from easyai.domain.alert import utc_text
from easyai.domain.reason import Reason
from easyai.errors import BackupError

ROWS: Final = "database.jsonl.gz"
_INSTALLATION: Final = text("SELECT installation_id, created_at FROM installation WHERE pk = 1")
_LEAST_COMPRESSION: Final = 3  # shrinks the rows to a sixth; a higher level is slow, saves little


def write_rows(
    db: Database, writer: Writer, wanted: IO[bytes], progress: Progress
) -> dict[str, Any]:
    """Add every row, and write the pictures they name to `wanted`; returns the first manifest."""
    with tempfile.TemporaryFile(dir=writer.path.parent) as file:
        manifest = _dump(db, writer, file, wanted, progress)
        size = file.tell()
        file.seek(0)
        writer.add(ROWS, file, size)
    return manifest


def _dump(
    db: Database, writer: Writer, file: IO[bytes], wanted: IO[bytes], progress: Progress
) -> dict[str, Any]:
    progress.begin("rows")
    with _snapshot(db, writer) as conn:
        current = revision(conn)
        if current != newest():
            raise BackupError(Reason.of("backup.other_revision", found=current, newest=newest()))
        now = clock.now(conn)
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEAST_COMPRESSION) as packed:
            counts = {
                table.table: _write_table(table, packed, wanted, progress)
                for table in dumped_rows.dump(conn)
            }
        own_id, since = conn.execute(_INSTALLATION).one()
        last_alert_id = dumped_rows.last_alert_id(conn)
    return {
        "format": FORMAT,
        "easyai": __version__,
        "revision": current,
        "created": utc_text(now),
        "created_at": now,
        "host": socket.gethostname(),
        "installation": own_id,
        "installed_at": since,
        "database": "SQLite" if db.is_sqlite else "PostgreSQL",
        "rows": counts,
        "last_alert_id": last_alert_id,
    }


@contextmanager
def _snapshot(db: Database, writer: Writer) -> Iterator[Connection]:
    """A connection that sees the database as of a single moment, until the context ends.

    SQLite: the connection reads an online copy. A long reader of the database itself would keep
    SQLite from restarting its log.
    """
    if not db.is_sqlite:
        with db.snapshot() as conn:
            yield conn
        return
    with tempfile.TemporaryDirectory(dir=writer.path.parent, prefix=".easyai-backup-") as folder:
        file = Path(folder) / "copy.db"
        _copy(db, file)
        engine = create_engine(f"sqlite:///{file}")
        try:
            with engine.connect() as conn:
                yield conn
        finally:
            engine.dispose()


def _copy(db: Database, file: Path) -> None:
    """Make SQLite's online backup in a single step: writers continue while the pages are read."""
    with db.read() as conn:
        source: Any = conn.connection.driver_connection
        target = sqlite3.connect(file)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            (problem,) = target.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            target.close()
    if problem != "ok":
        raise BackupError(Reason.of("backup.database_damaged", problem=str(problem)))


def _write_table(
    table: dumped_rows.Rows, packed: gzip.GzipFile, wanted: IO[bytes], progress: Progress
) -> int:
    names = {"frames": of_frame, "alerts": of_alert}.get(table.table)
    packed.write(_line({"table": table.table, "columns": table.columns}))
    count = 0
    for row in table.rows:
        packed.write(_line(row))
        count += 1
        progress.add(0)
        picture = names(dict(zip(table.columns, row, strict=True))) if names else None
        if picture:
            wanted.write(_line(asdict(picture)))
    return count


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
