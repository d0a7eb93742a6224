"""One small object for each thing that must work before easyai does.

A check raises an EasyaiError whose message says what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError, EasyaiError
from easyai.runtime import Runtime
from easyai.store.base import Store


class Check(Protocol):
    """One thing that must work."""

    name: str

    def check(self) -> None:
        """Raise EasyaiError with reason and remedy when it does not work."""


class DatabaseCheck:
    """The database answers and has the newest schema."""

    name = "database"

    def __init__(self, db: Database) -> None:
        self._db = db

    def check(self) -> None:
        """Raise DatabaseUnavailableError when it does not answer or lacks migrations."""
        with self._db.read() as conn:
            found = migrate.revision(conn)
        newest = migrate.newest()
        if found != newest:
            raise DatabaseUnavailableError(
                f"the database is at revision {found or 'none'}, this version needs {newest}: "
                "run `easyai db upgrade`"
            )


class StoreCheck:
    """The frame store can be used."""

    name = "store"

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self) -> None:
        """Raise StoreUnavailableError when it cannot."""
        self._store.check()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check gave; `reason` is '' when all is well."""

    name: str
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the thing works."""
        return not self.reason


def readiness_checks(runtime: Runtime) -> list[Check]:
    """What must work before requests can be served."""
    return [DatabaseCheck(runtime.db), StoreCheck(runtime.store)]


def run_checks(checks: Iterable[Check]) -> list[CheckResult]:
    """Run every check, also after one that failed; never raises for what is being checked."""
    return [CheckResult(check.name, _reason(check)) for check in checks]


def _reason(check: Check) -> str:
    try:
        check.check()
    except EasyaiError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not well
        return f"{type(error).__name__}: {error}"
    return ""
