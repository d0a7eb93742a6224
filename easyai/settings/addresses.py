"""The addresses in the settings: whether each can be used at all, and how it is shown.

An error names the key and the remedy, and never repeats the address, which may hold a password.
server_url.py reads the parameters behind the ``?`` of a broker's or a bus's address.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from easyai.errors import SettingsError
from easyai.masking import HIDDEN, hide_secrets
from easyai.settings.server_url import AMQP, REDIS, SENTINEL, parse_server_url, split_hosts

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

#: Stands before the hosts of Kafka when its listeners use TLS.
KAFKA_TLS: Final = "ssl://"
LARGEST_PORT: Final = 65535
_LONGEST_FILE: Final = 504  # bytes: SQLite allows 512, and the names of its journals are longer

_REDIS_URL: Final = "redis://:password@host:6379/0"
_AMQP_URL: Final = "amqp://user:password@host:5672/"
_BROKER_URLS: Final = f"use {_REDIS_URL} or {_AMQP_URL}"
_POSTGRES_URL: Final = "postgresql://user:password@host/name"
_DATABASE_URLS: Final = f"use sqlite:////folder/file.db or {_POSTGRES_URL}"
_ENCODED: Final = "with @ : / in the password written as %40 %3A %2F"
_BUS_SCHEMES: Final = {
    "kafka": ("ssl",),
    "rabbitmq": ("amqp", "amqps"),
    "redis": REDIS,
}
_BUS_ADDRESSES: Final = {
    "kafka": "host1:9092,host2:9092",
    "rabbitmq": _AMQP_URL,
    "redis": _REDIS_URL,
}

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_REDIS_HOST: Final = re.compile(r"([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/\d*)?")
# As Kafka writes hosts: host:9092,[::1]:9092
_HOSTS: Final = re.compile(r"(\s*([\w.-]+|\[[0-9a-fA-F:]+\])(:\d+)?\s*(,|$))*")
_SEVERAL_HOSTS: Final = re.compile(
    r"(?P<start>postgres(?:ql)?(?:\+\w+)?://(?:[^@/?]*@)?)"
    r"(?P<hosts>[^/?@,]+(?:,[^/?@,]+)+)(?P<name>/[^?]*)?(?:\?(?P<options>.*))?",
    re.IGNORECASE,
)
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d+))?")
_POSTGRES_PORT: Final = "5432"


def is_url(text: str) -> bool:
    """Whether the text is a URL, or several URLs with ';' between them, as Celery takes them."""
    return all(map(_is_url, hide_secrets(text).split(";")))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:  # the port is no number: perhaps part of a password without its '@'
        return False
    outside = parts.path + parts.query + parts.fragment
    return bool(_SCHEME.match(text)) and "@" not in outside and not re.search(r"\s", text)


def hide_address(text: str) -> str:
    """The address with its password hidden; a malformed address shows its scheme at most."""
    # An SQLite URL has no password, and its path may hold any character.
    if is_url(text) or _HOSTS.fullmatch(text) or text.startswith("sqlite://"):
        return hide_secrets(text)
    scheme = _SCHEME.match(text)
    return (scheme[0] if scheme else "") + HIDDEN


def check_broker(url: str) -> None:
    """Raise SettingsError if no process could start with this broker_url; '' is the default."""
    if not url:
        return
    if not is_url(url):
        raise SettingsError(f"easyai.broker_url: not a URL; {_BROKER_URLS}, {_ENCODED}")
    for host_url in filter(None, url.split(";")):
        parts = urlsplit(host_url)
        if not _is_broker(_transport(host_url)):
            raise SettingsError(
                "easyai.broker_url: the part before :// names no broker that works here; "
                + _BROKER_URLS
            )
        if parts.scheme in REDIS and not _is_number_or_none(parts.path.strip("/")):
            raise SettingsError(
                "easyai.broker_url: behind the host stands the number of a database of Redis; use "
                f"{_REDIS_URL}, {_ENCODED}"
            )
    try:
        parse_server_url(url)
    except ValueError as error:
        raise SettingsError(
            f"easyai.broker_url: behind its ?: {error}; see docs/brokers.md"
        ) from None


def check_broker_library(url: str) -> None:
    """Raise SettingsError when a library that the broker of broker_url needs is not installed."""
    from kombu.transport import get_transport_cls

    for host_url in filter(None, url.split(";")):
        try:
            get_transport_cls(_transport(host_url))
        except (ImportError, AttributeError):
            raise SettingsError(
                f"easyai.broker_url: a library that it needs is not installed; {_BROKER_URLS}"
            ) from None


def _transport(url: str) -> str:
    """kombu's name of a broker: the text before ``://``, without '+' and the text after it."""
    return urlsplit(url).scheme.partition("+")[0]


def _is_broker(transport: str) -> bool:
    if transport in (*REDIS, *AMQP):
        return True
    # Imported here, for rare brokers only: commands and the watchdog start without kombu.
    from kombu.transport import TRANSPORT_ALIASES

    return transport in TRANSPORT_ALIASES


def _is_number_or_none(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())


def parse_database(url: str) -> URL:
    """SQLAlchemy's URL of an SQLite or PostgreSQL database; raises SettingsError for any other."""
    # Imported here: the embedded default does not need it.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(spread_hosts(url))
    except (ArgumentError, ValueError):  # ValueError: the port is no number
        raise SettingsError(
            f"easyai.database_url: not a database URL; {_DATABASE_URLS}, {_ENCODED}"
        ) from None
    family = parsed.drivername.partition("+")[0]
    if family not in ("sqlite", "postgres", "postgresql"):
        raise SettingsError(f"easyai.database_url: {family} is not supported; {_DATABASE_URLS}")
    return parsed


def check_database(url: object) -> None:
    """Raise SettingsError for a database_url that no process could use; '' is the default."""
    if url == "":
        return
    if not isinstance(url, str):
        raise SettingsError(f"easyai.database_url: takes a text such as {_POSTGRES_URL}")
    parsed = parse_database(url)
    if parsed.drivername.startswith("sqlite"):
        _check_sqlite(parsed.drivername, parsed.database)
    else:
        _check_postgres(parsed)


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


def _check_postgres(parsed: URL) -> None:
    remedy = "use postgresql://user:password@host:5432/name"
    problem = ""
    if "@" in (parsed.host or ""):
        problem, remedy = "has several @", f"{remedy}, {_ENCODED}"
    elif not (parsed.host or parsed.database or parsed.query):
        problem = "names no host and no database"
    elif parsed.port is not None and not 0 < parsed.port <= LARGEST_PORT:
        problem, remedy = f"the port is no number up to {LARGEST_PORT}", f"{remedy}, {_ENCODED}"
    elif parsed.query and not _takes_options(dict(parsed.query)):
        problem = "an option behind ? is none of PostgreSQL's"
    if problem:
        raise SettingsError(f"easyai.database_url: {problem}; {remedy}")


def _takes_options(options: dict[str, object]) -> bool:
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo("", **{name: str(value) for name, value in options.items()})
    except psycopg.Error:
        return False
    return True


def spread_hosts(url: str) -> str:
    """A PostgreSQL URL with several hosts in SQLAlchemy's form; any other URL unchanged.

    PostgreSQL's own programs write several hosts as ``postgresql://user@a:5432,b:5432/name``.
    """
    match = _SEVERAL_HOSTS.fullmatch(url)
    parts = [_HOST_AND_PORT.fullmatch(host) for host in match["hosts"].split(",")] if match else []
    if match is None or not all(parts):
        return url
    hosts = ",".join(part[1].strip("[]") for part in parts if part)
    ports = ",".join(part[2] or _POSTGRES_PORT for part in parts if part)
    options = f"&{match['options']}" if match["options"] else ""
    return f"{match['start']}{match['name'] or '/'}?host={hosts}&port={ports}{options}"


def check_bus(kind: str, address: str) -> None:
    """Raise SettingsError when `mq_address` cannot be the address of a bus of `mq_type`."""
    address = address.strip()
    if kind == "none":
        return
    scheme = address.partition("://")[0] if "://" in address else ""
    problem = ""
    if not address:
        problem = "is not set"
    elif scheme and scheme not in _BUS_SCHEMES[kind]:
        problem = f"is no address of {kind}"
    elif kind == "kafka":
        hosts = address.removeprefix(KAFKA_TLS).split(",")
        problem = "" if all(map(_is_host_and_port, hosts)) else "lacks a port or has a wrong port"
    elif scheme:
        problem = _bus_url_problem(address)
    elif kind == "rabbitmq":
        problem = "is not a URL"
    elif not _REDIS_HOST.fullmatch(address):
        problem = "is neither a URL nor host:port"
    if problem:
        raise _no_bus(kind, problem)


def no_address_of(kind: str) -> SettingsError:
    """The error for an `mq_address` that the client library of the bus refuses."""
    return _no_bus(kind, f"is no address of {kind}")


def _no_bus(kind: str, problem: str) -> SettingsError:
    remedy = f"for ai_analysis.mq_type {kind} it is written {_BUS_ADDRESSES[kind]}"
    return SettingsError(f"ai_analysis.mq_address {problem}; {remedy}")


def _bus_url_problem(address: str) -> str:
    urls = split_hosts(address)
    if not urls or not all(map(_has_host, urls)):
        return "has no host or a wrong port"
    if len(urls) > 1 and not address.startswith(SENTINEL):
        return (
            "names several hosts, and alerts go to a single host: name that host, "
            "or an address that moves to the host that works"
        )
    try:
        parse_server_url(address)
    except ValueError as error:
        return f"has a wrong parameter: {error}"
    return ""


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        return False


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.strip().rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) <= LARGEST_PORT
