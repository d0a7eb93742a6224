"""Addresses: whether one is well-formed, and how it is shown, without its password."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

HIDDEN: Final = "********"
_LONGEST_ENDPOINT: Final = 200
# Greedy up to the last '@' of a word: a password may hold '@' and ':' itself, and a user may be a
# mail address.
_PASSWORD = re.compile(r"(://[^\s:/]*):\S*@")
# No further than the host: a path may hold ':' and '@', and stays as it is.
_CREDENTIALS = re.compile(r"([a-z][a-z0-9+.-]*://[^\s:/?#]*):[^\s/?#]*@", re.IGNORECASE)
# As services take them in their endpoints. Not `key` alone, which may be the name of anything.
_QUERY_SECRET = re.compile(
    r"([?&](?:[\w.-]*(?:password|passwd|pwd|secret|token)|[\w.-]*(?:api|access)[_-]?key)=)"
    r"[^&#\s]*",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"([?&;](?:[\w.-]*password|passwd|pwd|secret|token|key)=)[^&;\s]*", re.IGNORECASE
)
# As Kafka has them: host:9092,[::1]:9092
_HOSTS: Final = re.compile(r"(\s*([\w.-]+|\[[0-9a-fA-F:]+\])(:\d+)?\s*(,|$))*")
_SEVERAL_HOSTS: Final = re.compile(
    r"(?P<start>postgres(?:ql)?(?:\+\w+)?://(?:[^@/?]*@)?)"
    r"(?P<hosts>[^/?@,]+(?:,[^/?@,]+)+)(?P<name>/[^?]*)?(?:\?(?P<options>.*))?",
    re.IGNORECASE,
)
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d+))?")
_POSTGRES_PORT: Final = "5432"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def hide_secrets(text: str) -> str:
    """The text with the passwords of URLs hidden."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}@", text))


def hide_credentials(text: str) -> str:
    """The text with the passwords and tokens of URLs hidden, such as those of endpoints."""
    if "@" in text:
        text = _CREDENTIALS.sub(rf"\1:{HIDDEN}@", text)
    return _QUERY_SECRET.sub(rf"\1{HIDDEN}", text) if "?" in text else text


@lru_cache(maxsize=4096)
def endpoint_label(url: str) -> str:
    """An endpoint as metrics name it, in 200 characters: without user, password and tokens.

    The label of a label is that label.
    """
    url = hide_credentials(url)  # before the cut, which would leave half of a token
    try:
        parts = urlsplit(url)
    except ValueError:
        return url[:_LONGEST_ENDPOINT]
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()[:_LONGEST_ENDPOINT]


def hide_address(text: str) -> str:
    """The address with its password hidden; of one that is not well-formed the scheme at most."""
    # SQLite has no password, and its path may hold anything.
    if is_url(text) or _HOSTS.fullmatch(text) or text.startswith("sqlite://"):
        return hide_secrets(text)
    scheme = _SCHEME.match(text)
    return (scheme[0] if scheme else "") + HIDDEN


def is_url(text: str) -> bool:
    """Whether this is a URL, or several with ';' between, as Celery takes them."""
    return all(map(_is_one_url, hide_secrets(text).split(";")))


def _is_one_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:  # a port that is no number: a password without its '@', perhaps
        return False
    outside = parts.path + parts.query + parts.fragment
    return bool(_SCHEME.match(text)) and "@" not in outside and not re.search(r"\s", text)


def canonical_address(text: str) -> str:
    """An IP address as it is compared: IPv4 in IPv6 as IPv4; '' for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_loopback(text: str) -> bool:
    """Whether this is an IP address that only the machine itself has."""
    address = canonical_address(text)
    return bool(address) and ip_address(address).is_loopback


def spread_hosts(url: str) -> str:
    """A PostgreSQL URL with several hosts as SQLAlchemy takes it; any other as it is.

    PostgreSQL's own programs write ``postgresql://user@a:5432,b:5432/name``.
    """
    found = _SEVERAL_HOSTS.fullmatch(url)
    parts = [_HOST_AND_PORT.fullmatch(one) for one in found["hosts"].split(",")] if found else []
    if found is None or not all(parts):
        return url
    hosts = ",".join(part[1].strip("[]") for part in parts if part)
    ports = ",".join(part[2] or _POSTGRES_PORT for part in parts if part)
    options = f"&{found['options']}" if found["options"] else ""
    return f"{found['start']}{found['name'] or '/'}?host={hosts}&port={ports}{options}"
