"""Whether broker_url and database_url can be used at all; what they hold is never repeated."""

from __future__ import annotations

from typing import Final

from easyai.errors import SettingsError
from easyai.settings import Settings

_LARGEST_PORT: Final = 65535
_ENCODED: Final = "with @ : / in the password written as %40 %3A %2F"


def check_addresses(settings: Settings) -> None:
    """Refuse addresses with which no worker, beat or API could ever start.

    Raises SettingsError that names the key and what to write instead.
    """
    # Imported here: help and wrong options are answered without it.
    from easyai.tasks.broker_address import check_broker_url

    _check_database(settings.easyai.effective_database_url)
    check_broker_url(settings)


def _check_database(url: str) -> None:
    from sqlalchemy.engine import make_url

    from easyai.db.session import normalize_url

    parsed = make_url(normalize_url(url))
    if parsed.get_backend_name() == "sqlite":
        if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
            raise SettingsError("easyai.database_url: this driver is not supported; use sqlite:///")
        if parsed.database in (None, "", ":memory:"):
            raise SettingsError(
                "easyai.database_url: names no file, so that each process would have a database "
                "of its own; use sqlite:////folder/file.db"
            )
        return
    said = "use postgresql://user:password@host:5432/name"
    if not (parsed.host or parsed.database or parsed.query):
        raise SettingsError(f"easyai.database_url: names no host and no database; {said}")
    if parsed.port is not None and not 0 < parsed.port <= _LARGEST_PORT:
        raise SettingsError(
            f"easyai.database_url: the port is no number up to {_LARGEST_PORT}; {said}, {_ENCODED}"
        )
    if not _takes_options(dict(parsed.query)):
        raise SettingsError(
            f"easyai.database_url: an option behind ? is none of PostgreSQL's; {said}"
        )


def _takes_options(options: dict[str, object]) -> bool:
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo("", **{name: str(value) for name, value in options.items()})
    except psycopg.Error:
        return False
    return True
