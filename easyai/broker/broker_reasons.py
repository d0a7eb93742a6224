"""Why the broker does not work, and the remedy, for the errors of each client library.

The errors are recognized by their names, so that a library is not loaded where it is not used.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from easyai.domain.reason import NO_REASON, Reason, quote
from easyai.settings.schema import Settings
from easyai.settings.server_url import ServerUrl, parse_server_url

_REFUSED: Final = ("AuthenticationError", "AccessRefused", "NotAllowed", "NoPermissionError")
#: The code of a full disk under the embedded broker; the causes of a standstill look for it.
NO_SPACE: Final = "broker.no_room"
_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"


class BlockedError(Exception):
    """RabbitMQ has blocked the connection: its memory or disk alarm is on."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def broker_reason(settings: Settings, error: Exception) -> Reason:
    """The reason that an operator sees for a broker error, without the secrets of its address."""
    server = parse_server_url(settings.easyai.broker_url or "filesystem://")
    name, kind = type(error).__name__, server.scheme
    words = quote(str(error) or name)
    if isinstance(error, BlockedError):
        return Reason.of("broker.blocked", kind=kind)
    if name == "OutOfMemoryError":
        return Reason.of("broker.full", kind=kind)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Reason.of(NO_SPACE, kind=kind, error=words)
    reason = _of_settings(server, kind, name, words)
    return reason or Reason.of("broker.no_answer", kind=kind, error=words)


def _of_settings(server: ServerUrl, kind: str, name: str, words: str) -> Reason:
    """The fault in the broker's address, login or TLS files; NO_REASON without a fault."""
    for key, file in (server.tls.files if server.tls else {}).items():
        if not _can_be_read(file):
            return Reason.of("broker.file_unreadable", kind=kind, file=str(file), key=key)
    if _UNTRUSTED in words:
        return Reason.of("broker.untrusted", kind=kind, error=words)
    if name in _REFUSED:
        return Reason.of("broker.refuses", kind=kind, error=words)
    if name == "MasterNotFoundError":
        # The texts of redis-py's errors show whole objects.
        return Reason.of("broker.no_sentinel", kind=kind)
    return NO_REASON


def _can_be_read(file: str) -> bool:
    try:
        with Path(file).open("rb"):
            return True
    except OSError:
        return False
