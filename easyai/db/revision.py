"""Which schema a database has and which this version needs; without the weight of Alembic.

Every process asks, only `easyai.db.migrate` migrates: what it needs would cost each of them 10 MB.
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
    """Where the migrations lie."""
    package = Path(easyai.__file__).resolve().parent
    installed = package / "migrations"  # a wheel carries them inside the package
    return installed if installed.is_dir() else package.parent / "migrations"


def revision(conn: Connection) -> str | None:
    """The revision of a database; None when no migration has run."""
    if not inspect(conn).has_table(_TABLE):
        return None
    found: str | None = conn.execute(_CURRENT).scalar()
    return found


@cache
def newest() -> str | None:
    """The newest revision there is: the one that no other follows."""
    followed = {name for source in _sources() for name in _DOWN_REVISION.findall(source)}
    heads = known() - followed
    return heads.pop() if len(heads) == 1 else None


def known() -> set[str]:
    """Every revision that this version can make."""
    return {name for source in _sources() for name in _REVISION.findall(source)}


def is_of_newer_version(found: str | None) -> bool:
    """Whether a later version of easyai has migrated the database."""
    return found is not None and found not in known()


@cache
def _sources() -> tuple[str, ...]:
    files = (migrations_folder() / "versions").glob("*.py")
    return tuple(path.read_text(encoding="utf-8") for path in files)
