"""Why the broker does not work, in words that name the remedy; errors of each client library.

The libraries are known by the names of their errors: they are not loaded where they are not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from easyai.settings.schema import Settings
from easyai.settings.server_url import ServerUrl, parse_server_url

_REFUSED: Final = ("AuthenticationError", "AccessRefused", "NotAllowed", "NoPermissionError")
_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"


class BlockedError(Exception):
    """RabbitMQ has blocked the connection: its memory or disk alarm is on."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def broker_reason(settings: Settings, error: Exception) -> str:
    """What an operator is told of an error of the broker; never a secret of its address."""
    server = parse_server_url(settings.easyai.broker_url or "filesystem://")
    name, kind = type(error).__name__, server.scheme
    said = str(error) or name
    if isinstance(error, BlockedError):
        return (
            f"the broker ({kind}) takes no messages, frames wait: RabbitMQ's memory or disk alarm "
            "is on. Make room on its machine or raise vm_memory_high_watermark; "
            "`rabbitmq-diagnostics alarms` shows it"
        )
    if name == "OutOfMemoryError":
        return (
            f"the broker ({kind}) is full (maxmemory) and takes no messages, frames wait: raise "
            "maxmemory, or give the broker a Redis of its own"
        )
    return _of_settings(server, kind, name, said) or f"the broker ({kind}) does not answer: {said}"


def _of_settings(server: ServerUrl, kind: str, name: str, said: str) -> str:
    """What is wrong with the address; '' if that is not it."""
    for key, file in (server.tls.files if server.tls else {}).items():
        if not _can_be_read(file):
            return f"the broker ({kind}): cannot read {file}, {key} of easyai.broker_url"
    if _UNTRUSTED in said:
        return (
            f"the broker ({kind}) shows a certificate that is not trusted: {said}. Name the "
            "file of its authority by ssl_ca_certs in easyai.broker_url (docs/tls.md)"
        )
    if name in _REFUSED:
        return (
            f"the broker ({kind}) refuses us: {said}. See whether easyai.broker_url has the right "
            "user, password and virtual host (docs/brokers.md)"
        )
    if name == "MasterNotFoundError":
        # redis-py's own words show whole objects.
        return (
            f"the broker ({kind}): no Sentinel names a Redis, frames wait: see whether they run, "
            "and whether master_name and sentinel_password of easyai.broker_url are right "
            "(docs/brokers.md)"
        )
    return ""


def _can_be_read(file: str) -> bool:
    try:
        with Path(file).open("rb"):
            return True
    except OSError:
        return False
