"""TLS to Redis and RabbitMQ, in the options of each client library.

Without these options kombu verifies no certificate of ``rediss://``, and py-amqp no host name.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

from easyai.settings.server_url import AMQP, REDIS, ServerUrl, Tls


def options(server: ServerUrl) -> dict[str, Any] | None:
    """Celery's ``broker_use_ssl`` for an address; None without TLS, and for other schemes."""
    if server.tls is None:
        return None
    return _OF_SCHEME[server.scheme](server.tls)


def of_redis(tls: Tls) -> dict[str, Any]:
    """The options that redis-py's SSLConnection takes."""
    return {
        "ssl_cert_reqs": _required(tls),
        "ssl_check_hostname": tls.check_hostname,
        **tls.files,
    }


def of_sentinels(tls: Tls | None) -> dict[str, Any]:
    """The options that redis-py's Sentinel takes for its own connections."""
    return {"ssl": True, **of_redis(tls)} if tls else {}


def of_amqp(tls: Tls, host: str | None = None) -> dict[str, Any]:
    """The options that py-amqp's transport takes; it compares a host name only if it gets a name.

    With None, kombu adds the host of the address.
    """
    files = {name.removeprefix("ssl_"): file for name, file in tls.files.items()}
    name = {"server_hostname": host} if tls.check_hostname else {}
    return {"cert_reqs": _required(tls), **name, **files}


def _required(tls: Tls) -> ssl.VerifyMode:
    return ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE


_OF_SCHEME: Final[dict[str, Callable[[Tls], dict[str, Any]]]] = {
    **dict.fromkeys(REDIS, of_redis),
    **dict.fromkeys(AMQP, of_amqp),
}
