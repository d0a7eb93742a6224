"""The addresses in the settings: whether each can be used at all, and how it is shown.

An error names the key and the remedy, and never repeats the address, which may hold a password.
server_url.py reads the parameters behind the ``?`` of a broker's or a bus's address.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, assert_never
from urllib.parse import urlsplit

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import SettingsError
from easyai.masking import HIDDEN, hide_secrets
from easyai.settings.faults import of_key, use, why
from easyai.settings.server_url import AMQP, REDIS, SENTINEL, parse_server_url, split_hosts

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

BusName = Literal["kafka", "rabbitmq", "redis"]
BusKind = Literal[BusName, "none"]

#: Stands before the hosts of Kafka when its listeners use TLS.
KAFKA_TLS: Final = "ssl://"
LARGEST_PORT: Final = 65535
_LONGEST_FILE: Final = 504  # bytes: SQLite allows 512, and the names of its journals are longer

_REDIS_URL: Final = "redis://:password@host:6379/0"
_AMQP_URL: Final = "amqp://user:password@host:5672/"
_BROKER_URLS: Final = use(_REDIS_URL, _AMQP_URL)
_POSTGRES_URL: Final = "postgresql://user:password@host/name"
_SQLITE_URL: Final = "sqlite:////folder/file.db"
_DATABASE_URLS: Final = use(_SQLITE_URL, _POSTGRES_URL)
_BUS_SCHEMES: Final[dict[BusName, tuple[str, ...]]] = {
    "kafka": ("ssl",),
    "rabbitmq": ("amqp", "amqps"),
    "redis": REDIS,
}
_BUS_ADDRESSES: Final[dict[BusName, str]] = {
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
        raise _no_broker(Reason("settings.no_url"), _encoded(_BROKER_URLS))
    for host_url in filter(None, url.split(";")):
        parts = urlsplit(host_url)
        if not _is_broker(_transport(host_url)):
            raise _no_broker(Reason("settings.no_broker"), _BROKER_URLS)
        if parts.scheme in REDIS and not _is_number_or_none(parts.path.strip("/")):
            raise _no_broker(Reason("settings.no_redis_number"), _encoded(use(_REDIS_URL)))
    try:
        parse_server_url(url)
    except ValueError as error:
        raise _no_broker(Reason.of("settings.broker_parameter", why=why(error))) from None


def check_broker_library(url: str) -> None:
    """Raise SettingsError when a library that the broker of broker_url needs is not installed."""
    from kombu.transport import get_transport_cls

    for host_url in filter(None, url.split(";")):
        try:
            get_transport_cls(_transport(host_url))
        except (ImportError, AttributeError):
            raise _no_broker(Reason("settings.broker_library_missing"), _BROKER_URLS) from None


def _no_broker(*faults: Reason) -> SettingsError:
    return SettingsError(of_key("easyai.broker_url", *faults))


def _no_database(*faults: Reason) -> SettingsError:
    return SettingsError(of_key("easyai.database_url", *faults))


def _encoded(remedy: Reason) -> Reason:
    return Reason.of("settings.encoded", remedy=remedy)


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
        raise _no_database(Reason("settings.no_database_url"), _encoded(_DATABASE_URLS)) from None
    family = parsed.drivername.partition("+")[0]
    if family not in ("sqlite", "postgres", "postgresql"):
        raise _no_database(Reason.of("settings.no_database_family", family=family), _DATABASE_URLS)
    return parsed


def check_database(url: object) -> None:
    """Raise SettingsError for a database_url that no process could use; '' is the default."""
    if url == "":
        return
    if not isinstance(url, str):
        raise _no_database(Reason.of("settings.takes", kind="string", example=f'"{_POSTGRES_URL}"'))
    parsed = parse_database(url)
    if parsed.drivername.startswith("sqlite"):
        _check_sqlite(parsed.drivername, parsed.database)
    else:
        _check_postgres(parsed)


def check_length(file: str, key: str) -> None:
    """Raise SettingsError when SQLite cannot open a file because its path is too long."""
    size = len(file.encode("utf-8", "surrogateescape"))
    if size > _LONGEST_FILE:
        too_long = Reason.of("settings.path_too_long", size=size, limit=_LONGEST_FILE)
        raise SettingsError(of_key(key, too_long))


def _check_sqlite(driver: str, file: str | None) -> None:
    if driver not in ("sqlite", "sqlite+pysqlite"):
        raise _no_database(Reason("settings.no_driver"), use("sqlite:///"))
    if file in (None, "", ":memory:"):
        raise _no_database(Reason("settings.no_database_file"), use(_SQLITE_URL))
    check_length(str(file), "easyai.database_url")


def _check_postgres(parsed: URL) -> None:
    remedy = use("postgresql://user:password@host:5432/name")
    if "@" in (parsed.host or ""):
        raise _no_database(Reason("settings.second_at"), _encoded(remedy))
    if not (parsed.host or parsed.database or parsed.query):
        raise _no_database(Reason("settings.no_host_no_database"), remedy)
    if parsed.port is not None and not 0 < parsed.port <= LARGEST_PORT:
        raise _no_database(Reason.of("settings.no_port", limit=LARGEST_PORT), _encoded(remedy))
    if parsed.query and not _takes_options(dict(parsed.query)):
        raise _no_database(Reason("settings.no_postgres_option"), remedy)


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


def check_bus(kind: BusKind, address: str) -> None:
    """Raise SettingsError when `mq_address` cannot be the address of a bus of `mq_type`."""
    address = address.strip()
    if kind == "none":
        return
    problem = _bus_problem(kind, address) if address else Reason("mq_address.not_set")
    if problem:
        raise _no_bus(kind, problem)


def _bus_problem(kind: BusName, address: str) -> Reason:
    scheme = address.partition("://")[0] if "://" in address else ""
    if scheme and scheme not in _BUS_SCHEMES[kind]:
        return Reason.of("mq_address.of_no_bus", kind=kind)
    match kind:
        case "kafka":
            hosts = address.removeprefix(KAFKA_TLS).split(",")
            right = all(map(_is_host_and_port, hosts))
            return NO_REASON if right else Reason("mq_address.no_port")
        case "rabbitmq":
            return _bus_url_problem(address) if scheme else Reason("mq_address.no_url")
        case "redis":
            if scheme:
                return _bus_url_problem(address)
            right = _REDIS_HOST.fullmatch(address) is not None
            return NO_REASON if right else Reason("mq_address.no_url_no_host")
        case _:
            assert_never(kind)


def is_events_url(text: str) -> bool:
    """Whether a text is the address of a Redis, of its Sentinels or of a RabbitMQ."""
    known = text.strip().partition("://")[0] in (*REDIS, *AMQP)
    return known and not _bus_url_problem(text.strip())


def no_address_of(kind: BusName) -> SettingsError:
    """The error for an `mq_address` that the client library of the bus refuses."""
    return _no_bus(kind, Reason.of("mq_address.of_no_bus", kind=kind))


def _no_bus(kind: BusName, problem: Reason) -> SettingsError:
    example = _BUS_ADDRESSES[kind]
    return SettingsError(
        Reason.of("settings.mq_address", problem=problem, kind=kind, example=example)
    )


def _bus_url_problem(address: str) -> Reason:
    urls = split_hosts(address)
    if not urls or not all(map(_has_host, urls)):
        return Reason("mq_address.no_host")
    if len(urls) > 1 and not address.startswith(SENTINEL):
        return Reason("mq_address.several_hosts")
    try:
        parse_server_url(address)
    except ValueError as error:
        return Reason.of("mq_address.parameter", why=why(error))
    return NO_REASON


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        return False


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.strip().rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) <= LARGEST_PORT
