"""The address of a Redis, of its Sentinels or of a RabbitMQ, with the parameters behind its ``?``.

    rediss://user:password@host:6379/0?ssl_ca_certs=/etc/easyai/ca.pem
    sentinel://:password@a:26379/0;sentinel://b:26379?master_name=frames&sentinel_password=other
    amqp://user:password@a:5672/?queue_type=quorum;amqp://user:password@b:5672/
    amqps://user:password@host:5671/?ssl_certfile=/etc/easyai/own.pem&ssl_keyfile=/etc/easyai/own.key

The parameters have the names of redis-py and Celery. They hold for all hosts of the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from easyai.domain.reason import Reason

SENTINEL: Final = "sentinel"
SENTINEL_PORT: Final = 26379
REDIS: Final = ("redis", "rediss", SENTINEL)
AMQP: Final = ("amqp", "amqps", "pyamqp")
# A password may contain ';'.
_BETWEEN_HOSTS: Final = re.compile(rf"\s*;\s*(?=(?:{'|'.join((*REDIS, *AMQP))})://)")
_TLS_SCHEMES: Final = ("rediss", "amqps")
_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS: Final = (*_FILES, "ssl_cert_reqs", "ssl_check_hostname")
_OF_RABBITMQ: Final = ("queue_type",)
_OF_SENTINEL: Final = ("ssl", "master_name", "sentinel_username", "sentinel_password")
_YES: Final = {"true": True, "1": True, "false": False, "0": False}
# kombu's words for ssl_cert_reqs, and whether each word verifies the certificate.
_VERIFIES: Final = {
    "required": True,
    "cert_required": True,
    "optional": True,
    "cert_optional": True,
    "none": False,
    "cert_none": False,
}


@dataclass(frozen=True, slots=True)
class Tls:
    """How the certificate of a server is verified, and our own certificate."""

    ca_certs: str | None = None  # file; None: the authorities of the system or of SSL_CERT_FILE
    certfile: str | None = None
    keyfile: str | None = None
    verify: bool = True
    check_hostname: bool = True

    @property
    def files(self) -> dict[str, str]:
        """The files by the parameter that names them."""
        named = zip(_FILES, (self.ca_certs, self.certfile, self.keyfile), strict=True)
        return {name: file for name, file in named if file}


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A parsed address."""

    urls: tuple[str, ...]  # the URL of each host, without the parameters below
    tls: Tls | None = None  # None: no TLS
    master_name: str = "mymaster"  # as in Redis' own sentinel.conf
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    quorum: bool = False  # queues of RabbitMQ that are kept on several nodes

    @property
    def scheme(self) -> str:
        """The text before ``://`` of the first host."""
        return urlsplit(self.urls[0]).scheme

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        """Host and port of each Sentinel."""
        parts = map(urlsplit, self.urls)
        return [(host.hostname or "127.0.0.1", host.port or SENTINEL_PORT) for host in parts]

    @property
    def redis_login(self) -> dict[str, Any]:
        """User, password and database of the Redis that the Sentinels watch."""
        parts = urlsplit(self.urls[0])
        return {
            "username": unquote(parts.username or "") or None,
            "password": unquote(parts.password or "") or None,
            "db": int(parts.path.strip("/") or 0),
        }


def split_hosts(text: str) -> list[str]:
    """The URL of each host; ``;`` separates two hosts only before the scheme of the next host."""
    return [url for url in _BETWEEN_HOSTS.split(text.strip("; \t\r\n")) if url]


def parse_server_url(text: str) -> ServerUrl:
    """Parse addresses of a host or several hosts, with ``;`` between them.

    Raises ValueError with the reason, which names a wrong parameter and the values it takes and
    never repeats a value of the address.
    """
    urls = split_hosts(text)
    scheme = urlsplit(urls[0]).scheme if urls else ""
    if scheme not in (*REDIS, *AMQP):
        return ServerUrl((text,))
    of_kind = {SENTINEL: _OF_SENTINEL, **dict.fromkeys(AMQP, _OF_RABBITMQ)}
    known = (*_TLS, *of_kind.get(scheme, ()))
    parameters: dict[str, str] = {}
    for url in urls:
        parameters.update((key, value) for key, value in _parameters(url) if key in known)
    plain = [_without(url, known) for url in urls]
    if scheme == SENTINEL:
        plain = [_with_login(url, plain[0]) for url in plain]
    return ServerUrl(
        tuple(plain),
        _tls(scheme, parameters),
        parameters.get("master_name") or "mymaster",
        parameters.get("sentinel_username"),
        parameters.get("sentinel_password"),
        _is_quorum(parameters.get("queue_type", "classic")),
    )


def _parameters(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("?")[2], keep_blank_values=True)


def _without(url: str, names: tuple[str, ...]) -> str:
    left = [(key, value) for key, value in _parameters(url) if key not in names]
    return url.partition("?")[0] + ("?" + urlencode(left) if left else "")


def _with_login(url: str, first: str) -> str:
    """Add the first host's login and database to a URL without them: all are for the same Redis.

    kombu takes them from the Sentinel that it tries.
    """
    own, model = urlsplit(url), urlsplit(first)
    login, at, _ = model.netloc.rpartition("@")
    netloc = own.netloc if "@" in own.netloc else login + at + own.netloc
    path = own.path if own.path.strip("/") else model.path
    return f"{SENTINEL}://{netloc}{path}" + (f"?{own.query}" if own.query else "")


def _tls(scheme: str, found: dict[str, str]) -> Tls | None:
    wanted = scheme in _TLS_SCHEMES or any(name in found for name in _TLS)
    if not (_flag(found, "ssl", wanted) or wanted):
        return None
    if "ssl_keyfile" in found and "ssl_certfile" not in found:
        raise ValueError(Reason("parameter.keyfile_alone"))
    verifies = found.get("ssl_cert_reqs", "required").lower()
    if verifies not in _VERIFIES:
        raise _takes("ssl_cert_reqs", "required", "none")
    verify = _VERIFIES[verifies]
    return Tls(
        found.get("ssl_ca_certs") or None,
        found.get("ssl_certfile") or None,
        found.get("ssl_keyfile") or None,
        verify,
        verify and _flag(found, "ssl_check_hostname", True),
    )


def _is_quorum(queue_type: str) -> bool:
    if queue_type not in ("classic", "quorum"):
        raise _takes("queue_type", "classic", "quorum")
    return queue_type == "quorum"


def _flag(found: dict[str, str], name: str, default: bool) -> bool:
    text = found.get(name)
    if text is None:
        return default
    if text.lower() not in _YES:
        raise _takes(name, "true", "false")
    return _YES[text.lower()]


def _takes(name: str, first: str, second: str) -> ValueError:
    return ValueError(Reason.of("parameter.takes", name=name, first=first, second=second))
