"""Where algorithm services may live: checked when a service registers and at each connection.

Anybody who reaches the API chooses addresses that this server calls. A name may resolve to another
address at the call than at the registration, so the address of the socket itself is checked.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from easyai.errors import BadRequestError
from easyai.settings.schema import Settings

Address = IPv4Address | IPv6Address

LOOK_UP_SEC: Final = 1.0  # field clients wait a few seconds for the answer to a registration
_LOOK_UP: Final = "look-up"  # the name of look-up threads
_MOST_LOOK_UPS: Final = 8  # at once: a name server that hangs must not cause endless threads
_LOCAL_NAMES: Final = ("localhost", "ip6-localhost")
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
# Metadata services of clouds (AWS, GCP, Alibaba, Azure, Oracle) with addresses not link-local.
_METADATA: Final = frozenset(
    map(
        ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class RefusedAddressError(OSError):
    """Raised for an address that this server must not connect to."""


@dataclass(frozen=True, slots=True)
class ServiceNetworks:
    """The networks in which services are called, and this server's own port."""

    networks: tuple[str, ...]
    own_port: int

    @property
    def loopback(self) -> bool:
        """Whether services on this machine are called, under any address of the machine."""
        return any(ip_address("127.0.0.1") in ip_network(network) for network in self.networks)

    def refusal(self, host: str, port: int) -> str:
        """Why an IP address must not be called; '' if it may be called."""
        address = _plain(ip_address(host))
        if never := self._never(address, port):
            return never
        if not any(address in ip_network(network) for network in self.networks) and not (
            self.loopback and _is_ours(address)
        ):
            return f"{address} is not in service_networks"
        return ""

    def _never(self, address: Address, port: int) -> str:
        """Why an address is never called, whatever the networks; '' if it may be called."""
        if address.is_link_local or address in _METADATA:
            return f"{address} is link-local or a cloud's metadata service, which is never called"
        if port == self.own_port and _is_ours(address):
            return f"{address}:{port} is this server itself"
        return ""

    def open_socket(self, info: Any) -> socket.socket:
        """A socket for a connection; `info` is an entry of `socket.getaddrinfo`.

        Raises RefusedAddressError for an address that must not be called.
        """
        family, kind, protocol, _, address = info
        refused = self.refusal(address[0], address[1])
        if refused:
            raise RefusedAddressError(refused)
        return socket.socket(family, kind, protocol)

    def check(self, url: str, field: str) -> None:
        """Refuse a registration whose URL could never be called.

        Raises BadRequestError, which names the field and the remedy. A name that does not resolve
        now is accepted, because it may resolve later. A name with many addresses is accepted if any
        of them may be called.
        """
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        hosts = _addresses(parts.hostname or "")
        refused = [self.refusal(host, port) for host in hosts]
        if refused and all(refused):
            of_network = not self._never(_plain(ip_address(hosts[0])), port)
            known = ", ".join(self.networks)
            raise BadRequestError(
                f"{field}: {refused[0]}; send the address and port at which the service listens"
                + of_network * f", or add its network to ai_analysis.service_networks ({known})"
            )


def service_networks(settings: Settings, *, registering: bool = False) -> ServiceNetworks:
    """The networks in force: the configured networks, else defaults by this server's address.

    If the server listens on loopback only, its services are on loopback. Any other server also
    calls private networks, and so does a server behind a gateway, whose `public_url` is not
    loopback. If no setting names the address, a worker does not know it, because
    `easyai api --host` sets it for the API alone: then only `registering` services must fit the
    address.
    """
    own = settings.easyai
    chosen = settings.ai_analysis.service_networks
    known = registering or "host" in own.model_fields_set
    host = own.host if known else ""
    public = urlsplit(own.public_url).hostname or host
    return _known(chosen or (_default(host) if _is_alone(public) else _default("")), own.port)


@lru_cache(maxsize=16)
def _known(networks: tuple[str, ...], own_port: int) -> ServiceNetworks:
    return ServiceNetworks(networks, own_port)


@lru_cache(maxsize=16)
def _default(host: str) -> tuple[str, ...]:
    return _LOOPBACK if _is_alone(host) else (*_LOOPBACK, *_PRIVATE)


def _is_alone(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _LOCAL_NAMES


def _plain(address: Address) -> Address:
    """The address that the system would connect to."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified:
        return ip_address("127.0.0.1" if address.version == 4 else "::1")
    return address


def _is_ours(address: Address) -> bool:
    """Whether this machine has the address."""
    # The system sends to an own address from that same address.
    return address.is_loopback or own_address(address) == address


def own_address(towards: Address) -> Address | None:
    """The address from which this machine would send to `towards`; None without a route.

    Sends nothing.
    """
    family = socket.AF_INET if towards.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((str(towards), 9))
            return ip_address(asked.getsockname()[0])
    except OSError:
        return None


def _addresses(host: str) -> list[str]:
    try:
        return [str(ip_address(host))]
    except ValueError:
        return resolve(host)


def resolve(host: str) -> list[str]:
    """The addresses of a name; empty if it has none now or the look-up takes too long."""
    addresses: list[str] = []
    if sum(running.name == _LOOK_UP for running in threading.enumerate()) >= _MOST_LOOK_UPS:
        return addresses

    def look_up() -> None:
        try:
            for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
                addresses.append(str(info[4][0]))
        except (OSError, UnicodeError):
            return

    # Not a pool: the process would wait for a pool's threads at its end.
    thread = threading.Thread(target=look_up, name=_LOOK_UP, daemon=True)
    thread.start()
    thread.join(LOOK_UP_SEC)
    return list(addresses)
