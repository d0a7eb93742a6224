"""The schema of a database and the schema that this version needs; without importing Alembic.

Every process checks the schema, but only `easyai.db.migrate` migrates. Alembic would cost each
process 10 MB.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

import easyai

_REVISION: Final = re.compile(r'^revision = "(\w+)"', re.MULTILINE)
_DOWN_REVISION: Final = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)
_TABLE: Final = "alembic_version"
_CURRENT: Final = text("SELECT version_num FROM alembic_version")


def migrations_folder() -> Path:
    """The folder of the migrations."""
    package = Path(easyai.__file__).resolve().parent
    installed = package / "migrations"  # a wheel has the migrations inside the package
    return installed if installed.is_dir() else package.parent / "migrations"


def revision(conn: Connection) -> str | None:
    """The revision of a database; None when no migration has run."""
    if not inspect(conn).has_table(_TABLE):
        return None
    version: str | None = conn.execute(_CURRENT).scalar()
    return version


@cache
def newest() -> str | None:
    """The newest revision: no other revision follows it."""
    followed = {name for source in _sources() for name in _DOWN_REVISION.findall(source)}
    heads = sorted(known() - followed)
    return heads[0] if len(heads) == 1 else None


@cache
def known() -> frozenset[str]:
    """Every revision that this version can migrate to."""
    return frozenset(name for source in _sources() for name in _REVISION.findall(source))


def is_of_newer_version(found: str | None) -> bool:
    """Whether a later version of easyai has migrated the database."""
    return found is not None and found not in known()


def _sources() -> tuple[str, ...]:
    files = (migrations_folder() / "versions").glob("*.py")
    return tuple(path.read_text(encoding="utf-8") for path in files)
