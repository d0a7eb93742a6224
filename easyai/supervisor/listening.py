"""Opens the sockets on which the API listens."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Final

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import SettingsError

#: Hosts that mean all addresses of this machine; "0.0.0.0" means only its IPv4 addresses.
_ALL: Final = ("", "::")
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

log = logging.getLogger(__name__)


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to the address, which do not listen yet.

    "::" and "" take both IPv4 and IPv6, by a single socket. Raises SettingsError naming address and
    remedy.
    """
    try:
        return _all_addresses(port) if host in _ALL else _addresses_of(host, port)
    except OSError as error:
        raise SettingsError(_why(host, port, error)) from error


def check_listening(host: str, port: int) -> Reason:
    """Why the API could not listen, with the remedy; NO_REASON when the API can listen."""
    try:
        sockets = open_sockets(host, port)
    except SettingsError as error:
        return error.reason
    try:
        for sock in sockets:
            sock.listen(1)
    except OSError as error:
        return _why(host, port, error)
    finally:
        for sock in sockets:
            sock.close()
    return NO_REASON


def shown(host: str) -> str:
    """A host in the form of a URL."""
    return f"[{host}]" if ":" in host else host


def _all_addresses(port: int) -> list[socket.socket]:
    try:
        return [_bound(socket.AF_INET6, ("::", port), ipv6_only=False)]
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    log.warning("IPv6 is switched off on this machine: the API listens on IPv4 only")
    return [_bound(socket.AF_INET, ("0.0.0.0", port))]  # noqa: S104 - as the operator chose


def _addresses_of(host: str, port: int) -> list[socket.socket]:
    """The sockets of all addresses of a name: "localhost" has ::1 even when IPv6 is off."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, address in dict.fromkeys((info[0], info[4]) for info in infos):
            try:
                sockets.append(_bound(family, address))
            except OSError as error:
                if error.errno not in _NO_IPV6:
                    raise
                missing = error
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    if missing is not None and not sockets:
        raise missing
    return sockets


def _bound(
    family: int, address: tuple[str | int, ...] | tuple[int, bytes], *, ipv6_only: bool = True
) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Old connections in TIME_WAIT do not block the port.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_only))
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _why(host: str, port: int, error: OSError) -> Reason:
    cause = error.strerror or str(error)
    return Reason.of("start.cannot_listen", host=shown(host or "*"), port=port, error=cause)
