"""Why a connection to a service failed."""

from __future__ import annotations

import errno
import os
import ssl
from typing import Final

import aiohttp

from easyai.domain.reason import Reason, quote, quoted

_CODES: Final = {
    errno.ECONNREFUSED: "connection.refused",
    errno.EHOSTUNREACH: "connection.no_route",
    errno.ENETUNREACH: "connection.no_network",
}


def why_not_connected(error: aiohttp.ClientConnectorError) -> Reason:
    """The system's reason for a failed connection of aiohttp, such as "Connection refused"."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _tls(error.certificate_error)
    if isinstance(error.os_error, ssl.SSLError):
        return _tls(error.os_error.reason or error.os_error)
    return of_os_error(error.os_error)


def of_os_error(error: OSError) -> Reason:
    """The system's reason for a failed connection, such as "Connection refused"."""
    if error.errno is not None and error.errno > 0:
        return of_errno(error.errno)  # asyncio's own text names the call and the address
    return quoted(str(error.strerror or error))


def _tls(error: object) -> Reason:
    return Reason.of("connection.tls", error=quote(str(error)))


def of_errno(number: int) -> Reason:
    """The reason for an error number of the system."""
    code = _CODES.get(number)
    return Reason(code) if code else quoted(os.strerror(number))
