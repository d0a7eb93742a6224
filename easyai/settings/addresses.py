"""Whether broker_url and database_url can be used at all; what they hold is never repeated."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from easyai.addresses import is_url, spread_hosts
from easyai.errors import SettingsError
from easyai.settings.server_url import parse_server_url

# What stands before :// in an address of a broker, '+' and what follows it left out: kombu's names.
# Whether what one of them needs is installed, only the tasks can tell.
_BROKERS: Final = re.compile(
    "(py)?amqp|amqps|librabbitmq|rediss?|sentinel|filesystem|memory|(confluent)?kafka|sqs|slmq|"
    "azureservicebus|azurestoragequeues|gcpubsub|consul|etcd|zookeeper|mongodb|pgmq|pyro|qpid|"
    "sqla|sqlalchemy"
)
_REDIS: Final = ("redis", "rediss", "sentinel")
_LARGEST_PORT: Final = 65535
_LONGEST_FILE: Final = 504  # bytes: SQLite takes 512, and the names of its journals are longer
_ENCODED: Final = "with @ : / in the password written as %40 %3A %2F"


def check_addresses(broker_url: str, database_url: str) -> None:
    """Refuse addresses with which no worker, beat or API could ever start; '' is the default.

    Raises SettingsError that names the key and what to write instead.
    """
    check_database(database_url)
    check_broker(broker_url)


def check_broker(broker_url: str) -> None:
    """As `check_addresses`, for the one."""
    if not broker_url:
        return
    if not is_url(broker_url):
        raise SettingsError(
            "easyai.broker_url: not a URL; use redis://:password@host:6379/0 or "
            f"amqp://user:password@host:5672/, {_ENCODED}"
        )
    for url in filter(None, broker_url.split(";")):
        parts = urlsplit(url)
        if not _BROKERS.fullmatch(parts.scheme.partition("+")[0]):
            raise SettingsError(
                "easyai.broker_url: what stands before :// names no broker that works here; use "
                "redis://:password@host:6379/0 or amqp://user:password@host:5672/"
            )
        if parts.scheme in _REDIS and not _is_number_or_none(parts.path.strip("/")):
            raise SettingsError(
                "easyai.broker_url: behind the host stands the number of a database of Redis; use "
                f"redis://:password@host:6379/0, {_ENCODED}"
            )
    try:
        parse_server_url(broker_url)
    except ValueError as error:
        raise SettingsError(
            f"easyai.broker_url: behind its ?: {error}; see docs/brokers.md"
        ) from None


def _is_number_or_none(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())


def check_database(url: str) -> None:
    """As `check_addresses`, for the other."""
    if not url:
        return
    # Imported here: the embedded default is answered without it.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(spread_hosts(url))
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise SettingsError(
            "easyai.database_url: not a database URL; use sqlite:////folder/file.db or "
            f"postgresql://user:password@host/name, {_ENCODED}"
        ) from None
    family = parsed.drivername.partition("+")[0]
    if family == "sqlite":
        _check_sqlite(parsed.drivername, parsed.database)
        return
    if family not in ("postgres", "postgresql"):
        raise SettingsError(
            f"easyai.database_url: {family} is not supported; use sqlite:////folder/file.db or "
            "postgresql://user:password@host/name"
        )
    said = "use postgresql://user:password@host:5432/name"
    if "@" in (parsed.host or ""):
        raise SettingsError(f"easyai.database_url: has more than one @; {said}, {_ENCODED}")
    if not (parsed.host or parsed.database or parsed.query):
        raise SettingsError(f"easyai.database_url: names no host and no database; {said}")
    if parsed.port is not None and not 0 < parsed.port <= _LARGEST_PORT:
        raise SettingsError(
            f"easyai.database_url: the port is no number up to {_LARGEST_PORT}; {said}, {_ENCODED}"
        )
    if parsed.query and not _takes_options(dict(parsed.query)):
        raise SettingsError(
            f"easyai.database_url: an option behind ? is none of PostgreSQL's; {said}"
        )


def check_length(file: str, key: str, remedy: str) -> None:
    """Raise SettingsError when SQLite cannot open a file because its path is too long."""
    size = len(file.encode("utf-8", "surrogateescape"))
    if size > _LONGEST_FILE:
        raise SettingsError(
            f"{key}: the path of the database has {size} bytes, and SQLite takes "
            f"{_LONGEST_FILE} at most; {remedy}"
        )


def _check_sqlite(driver: str, file: str | None) -> None:
    if driver not in ("sqlite", "sqlite+pysqlite"):
        raise SettingsError("easyai.database_url: this driver is not supported; use sqlite:///")
    if file in (None, "", ":memory:"):
        raise SettingsError(
            "easyai.database_url: names no file, so that each process would have a database "
            "of its own; use sqlite:////folder/file.db"
        )
    check_length(str(file), "easyai.database_url", "use a shorter path")


def _takes_options(options: dict[str, object]) -> bool:
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo("", **{name: str(value) for name, value in options.items()})
    except psycopg.Error:
        return False
    return True
