"""Which database library works here, and what guards it: for the log and the reports."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from easyai.db.guard import GUARD, has_wal_reset_race
from easyai.domain.words import Words


@dataclass(frozen=True, slots=True)
class Library:
    """The library behind a database URL."""

    name: str  # SQLite or PostgreSQL
    version: str | None  # None: it is the server's
    wal_reset_race: bool  # this release of SQLite can lose commits where nothing guards it
    guard: str | None  # name of the file that writers and checkpoints lock in turn

    @property
    def words(self) -> Words:
        """One sentence for operators."""
        if self.guard is None:
            return Words("Database: PostgreSQL.", "数据库：PostgreSQL。")
        race = Words("", "")
        if self.wal_reset_race:
            race = Words(
                " (this release has the WAL-reset race)", "（此版本存在 WAL-reset 竞态缺陷）"
            )
        return Words(
            f"Database: SQLite {self.version}{race.en}; writers and checkpoints of all processes "
            f"take turns by {self.guard}.",
            f"数据库：SQLite {self.version}{race.zh}；所有进程的写入与检查点通过 {self.guard} 轮流进行。",  # noqa: E501
        )


def library(url: str) -> Library:
    """The library for the database at a URL; opens nothing."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return Library("PostgreSQL", None, wal_reset_race=False, guard=None)
    guard = f"{Path(parsed.database or '').name}{GUARD}"
    return Library("SQLite", sqlite3.sqlite_version, has_wal_reset_race(), guard)
