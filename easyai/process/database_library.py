"""The database library in use and its guard, for the log and the reports."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from easyai.db.guard import GUARD, has_wal_reset_race
from easyai.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Library:
    """The library behind a database URL."""

    name: str  # SQLite or PostgreSQL
    version: str | None  # None: the server's version counts
    wal_reset_race: bool  # whether this release of SQLite can lose commits without a guard
    guard: str | None  # name of the file that writers and checkpoints lock in turn

    @property
    def summary(self) -> Reason:
        """A sentence for operators."""
        if self.guard is None:
            return Reason("library.postgresql")
        race = Reason("library.race") if self.wal_reset_race else None
        return Reason.of("library.sqlite", version=self.version, race=race, guard=self.guard)


def library(url: str) -> Library:
    """The library for the database at a URL; opens no connection."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return Library("PostgreSQL", None, wal_reset_race=False, guard=None)
    guard = f"{Path(parsed.database or '').name}{GUARD}"
    return Library("SQLite", sqlite3.sqlite_version, has_wal_reset_race(), guard)
