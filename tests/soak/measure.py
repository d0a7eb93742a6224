"""A measurement of a running installation: memory, files, threads and kept rows."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from tests.support.easyai_process import EasyaiProcess

#: In the order of the report; MB where a unit has to be.
PROCESSES = ("up", "api", "worker", "beat", "watchdog")
Sample = dict[str, float]
_MB = 1e6
#: The tables whose rows are kept for as long as the run or longer: 30 days, an hour.
KEPT_TABLES = ("events", "statistics")
_BYTES = """
    SELECT master.tbl_name, sum(pages.pgsize)
      FROM dbstat AS pages JOIN sqlite_master AS master ON master.name = pages.name
     WHERE pages.aggregate = TRUE GROUP BY master.tbl_name
"""


def sample(easyai: EasyaiProcess) -> Sample:
    """Every figure by its name; a process that has just ended is left out."""
    found: Sample = defaultdict(float)
    for pid, command in easyai.processes().items():
        name = _name(pid, command, easyai.pid)
        if name:
            _add_process(found, pid, name)
    database = easyai.data / "easyai.db"
    found["database, MB"] = database.stat().st_size / _MB
    rows = _rows(database)
    kept = _kept(database, rows["failed frames"], rows["rows of frames"])
    found["database without what it keeps, MB"] = found["database, MB"] - kept / _MB
    found["write-ahead log, MB"] = _size(database.with_name("easyai.db-wal")) / _MB
    found["files of the broker"] = _files(easyai.data / "broker")
    failed = _files(easyai.frames / "failed")
    found["pictures, without failed/"] = _files(easyai.frames) - failed
    found["failed frames' pictures"] = failed
    found.update(rows)
    return dict(found)


def _name(pid: int, command: str, up: int) -> str | None:
    if pid == up:
        return "up"
    for name in PROCESSES[1:]:
        if f"easyai {name}" in command or f"easyai.cli.main {name}" in command:
            return name
    return None


def _add_process(found: Sample, pid: int, name: str) -> None:
    folder = Path("/proc") / str(pid)
    try:
        status = dict(
            line.split(":", 1) for line in (folder / "status").read_text().splitlines() if line
        )
        files = len(list((folder / "fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return
    found[f"memory of {name}, MB"] += int(status["VmRSS"].split()[0]) * 1024 / _MB
    found["open files"] += files
    found["threads"] += int(status["Threads"])


def _kept(database: Path, failed: float, others: float) -> float:
    """Bytes of tables that only grow for now, and of the failed frames' share."""
    with _opened(database) as conn:
        size = dict(conn.execute(_BYTES).fetchall())
    share = failed / max(failed + others, 1.0)
    return float(sum(size[name] for name in KEPT_TABLES) + share * size["frames"])


def _opened(database: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10))


def _rows(database: Path) -> Sample:
    with _opened(database) as conn:

        def count(sql: str) -> float:
            number: int = conn.execute(sql).fetchone()[0]
            return float(number)

        failed = "SELECT count(*) FROM frames WHERE state = 'failed'"
        waiting = "SELECT count(*) FROM frames WHERE state IN ('pending', 'leased', 'parked')"
        tables = ("frames", "alerts", "events", "statistics")
        rows = {f"rows of {table}": count(f"SELECT count(*) FROM {table}") for table in tables}
        rows["rows of frames"] -= count(failed)
        return {"frames that wait": count(waiting), "failed frames": count(failed), **rows}


def _files(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
