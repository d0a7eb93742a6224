"""Migrates a database to the newest schema, or back; many processes may call it at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from easyai.db.revision import is_of_newer_version, known, migrations_folder, newest, revision
from easyai.db.session import Database
from easyai.domain.reason import Reason, quote
from easyai.errors import BadRequestError, SettingsError
from easyai.system.modes import keep_others_out, make_file, make_folder

__all__ = [
    "current",
    "downgrade",
    "make_folder_of",
    "newest",
    "revision",
    "upgrade",
    "upgrade_within",
]

# Not the lock of dispatch or outbox: a migration waits only for other migrations.
_MIGRATION_LOCK = 0x6561_7381


def upgrade(url: str) -> str:
    """Run the missing migrations; returns the revision of the database.

    Raises SettingsError when the folder of an SQLite file cannot be created, and when a later
    version has migrated the database.
    """
    database = Database(url)
    try:
        make_folder_of(database)
        with database.write() as conn:
            return upgrade_within(conn)
    finally:
        database.dispose()


def upgrade_within(conn: Connection, target: str = "head") -> str:
    """Like `upgrade`, up to a revision, in the caller's transaction."""
    config = _locked(conn)
    _require_known(conn)
    command.upgrade(config, target)
    return revision(conn) or ""


def downgrade(url: str, target: str) -> None:
    """Downgrade the tables to an older revision, in a single transaction.

    No process may use the tables meanwhile. Raises BadRequestError for a revision that is not
    older, and SettingsError like `upgrade`.
    """
    database = Database(url, must_exist=True)
    try:
        with database.write() as conn:
            config = _locked(conn)
            _require_known(conn)
            present = revision(conn) or ""
            older = sorted(name for name in known() if name < present)
            if target not in older:
                raise BadRequestError(
                    Reason.of(
                        "database.no_older_revision",
                        target=repr(target),
                        found=present or "none",
                        older=tuple(older) or ("none",),
                    )
                )
            command.downgrade(config, target)
    finally:
        database.dispose()


def current(url: str) -> tuple[str | None, str | None]:
    """The revision of the database, and the newest revision of this version."""
    database = Database(url, must_exist=True)
    try:
        with database.read() as conn:
            return revision(conn), newest()
    finally:
        database.dispose()


def _locked(conn: Connection) -> Config:
    """Wait until no other migration runs; returns the configuration for Alembic."""
    if conn.dialect.name != "sqlite":
        conn.execute(text("SET LOCAL lock_timeout = '60s'"))
        conn.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = conn
    return config


def _require_known(conn: Connection) -> None:
    present = revision(conn)
    if is_of_newer_version(present):
        raise SettingsError(
            Reason.of("database.newer_revision_found", found=present, newest=newest())
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def make_folder_of(database: Database) -> None:
    """Create the folder and the file of an SQLite database, with our file modes.

    Raises SettingsError.
    """
    name = database.engine.url.database
    if not database.is_sqlite or not name or name == ":memory:":
        return
    try:
        make_folder(Path(name).parent)
        if name.startswith("file:"):
            return
        # SQLite gives its other files the mode of the database file.
        make_file(Path(name))
        for end in ("-wal", "-shm"):
            keep_others_out(Path(name + end))
    except OSError as error:
        no_place = Reason.of("database.no_place", path=name, error=quote(str(error)))
        raise SettingsError(no_place) from error
