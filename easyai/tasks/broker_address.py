"""Whether what the broker of broker_url needs is installed; its words are checked by settings."""

from __future__ import annotations

from urllib.parse import urlsplit

from kombu.transport import TRANSPORT_ALIASES, get_transport_cls

from easyai.errors import SettingsError
from easyai.settings.source import Settings


def check_broker_url(settings: Settings) -> None:
    """Refuse a broker that no worker here could ever talk to; its words were checked with the file.

    Raises SettingsError that names the key and what to write instead.
    """
    for url in filter(None, settings.easyai.broker_url.split(";")):
        if not _is_installed(urlsplit(url).scheme.partition("+")[0]):
            raise SettingsError(
                "easyai.broker_url: what this broker needs is not installed; use "
                "redis://:password@host:6379/0 or amqp://user:password@host:5672/"
            )


def _is_installed(scheme: str) -> bool:
    """Whether kombu has such a transport, and what it needs is installed."""
    if scheme not in TRANSPORT_ALIASES:
        return False
    try:
        get_transport_cls(scheme)
    except (ImportError, AttributeError):
        return False
    return True
