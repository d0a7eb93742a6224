"""The checks that try something: database and store by themselves, the others from their rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import make_url

from easyai.db import revision
from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError, SettingsError
from easyai.health.checks.check import Check
from easyai.health.checks.data_folder import DataFolderCheck
from easyai.health.checks.disk import DiskCheck, disk_of
from easyai.health.checks.pictures import PicturesCheck
from easyai.runtime import Runtime
from easyai.settings.commands import easyai_command
from easyai.store.base import Store

_WRITES_A_PAGE: Final = text("UPDATE alembic_version SET version_num = version_num")


class DatabaseCheck:
    """The database answers, has the newest schema and lets us write."""

    name = "database"
    limit_sec = 7.0  # SQLite's lock is waited for during 5 s: then the error names the lock
    # With less free on SQLite's disk a page is written at each look. A transaction that changes
    # nothing, or is rolled back, touches no disk and succeeds on a full one.
    SCARCE_BYTES = 16 * 2**20

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise DatabaseUnavailableError when it does not answer or lacks migrations."""
        # A transaction that writes, for a lock keeps out writers only; without a change it costs
        # nothing.
        with self._runtime.db.write() as conn:
            db_revision = revision.revision(conn)
            if db_revision and self._room_is_scarce():
                conn.execute(_WRITES_A_PAGE)
        newest = revision.newest()
        if revision.is_of_newer_version(db_revision):
            raise DatabaseUnavailableError(
                Reason.of("database.newer_revision", found=db_revision, newest=newest)
            )
        if db_revision != newest:
            command = easyai_command(self._runtime.settings, "db", "upgrade")
            raise DatabaseUnavailableError(
                Reason.of(
                    "database.older_revision",
                    found=db_revision or "none",
                    newest=newest,
                    command=command,
                )
            )

    def _room_is_scarce(self) -> bool:
        file = make_url(self._runtime.db.url).database if self._runtime.db.is_sqlite else None
        disk = disk_of(Path(file).absolute().parent) if file else None
        return disk is not None and disk.free_bytes < self.SCARCE_BYTES


class StoreCheck:
    """The frame store can be used."""

    name = "store"
    limit_sec = 5.0

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self) -> None:
        """Raise StoreUnavailableError when it cannot."""
        self._store.check()


class SettingsCheck:
    """The settings in force are those of the file."""

    name = "settings"
    limit_sec = 2.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise SettingsError when the file has a mistake."""
        fault = self._runtime.settings_fault
        if fault:
            raise SettingsError(fault)


def readiness_checks(runtime: Runtime, *others: Check) -> list[Check]:
    """What must work before requests can be served; `others`: that of the broker."""
    return [DatabaseCheck(runtime), StoreCheck(runtime.store), *others]


def dependency_checks(runtime: Runtime, *others: Check) -> list[Check]:
    """All that can be tried from outside of the database's rows (those: rows.py).

    `others` as for `readiness_checks`. The bus is left out where none is configured.
    """
    checks = [
        *readiness_checks(runtime, *others),
        DiskCheck(runtime),
        runtime.part(DataFolderCheck),
        PicturesCheck(runtime),
        SettingsCheck(runtime),
    ]
    if runtime.settings.ai_analysis.has_bus:
        checks.append(runtime.part(_bus_check))
    return checks


def _bus_check(runtime: Runtime) -> Check:
    # Its connection is kept from check to check.
    from easyai.publish.check import BusCheck

    return BusCheck(lambda: runtime.settings.ai_analysis)
