"""Whether broker_url names a broker that works here; what it holds is never repeated."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from kombu.transport import TRANSPORT_ALIASES, get_transport_cls

from easyai.errors import SettingsError
from easyai.settings import Settings
from easyai.tasks.config import celery_settings

_REDIS: Final = ("redis", "rediss")


def check_broker_url(settings: Settings) -> None:
    """Refuse an address with which no worker could ever start.

    Raises SettingsError that names the key and what to write instead.
    """
    # Refuses what is no URL.
    celery_settings(settings)
    for url in filter(None, settings.easyai.broker_url.split(";")):
        parts = urlsplit(url)
        if not _is_known(parts.scheme.partition("+")[0]):
            raise SettingsError(
                "easyai.broker_url: what stands before :// names no broker that works here; use "
                "redis://:password@host:6379/0 or amqp://user:password@host:5672/"
            )
        if parts.scheme in _REDIS and not _is_number_or_none(parts.path.strip("/")):
            raise SettingsError(
                "easyai.broker_url: behind the host stands the number of a database of Redis; use "
                "redis://:password@host:6379/0, with @ : / in the password written as %40 %3A %2F"
            )


def _is_known(scheme: str) -> bool:
    """Whether kombu has such a transport, and what it needs is installed."""
    if scheme not in TRANSPORT_ALIASES:
        return False
    try:
        get_transport_cls(scheme)
    except (ImportError, AttributeError):
        return False
    return True


def _is_number_or_none(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())
