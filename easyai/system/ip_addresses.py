"""IP addresses as they are compared."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


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
