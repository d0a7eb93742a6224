"""IP addresses in a form for comparison."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network


def canonical_address(text: str) -> str:
    """An IP address in its form for comparison: IPv4 in IPv6 as IPv4; '' if the text is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_loopback(text: str) -> bool:
    """Whether the text is a loopback address, which only the machine itself reaches."""
    address = canonical_address(text)
    return bool(address) and ip_address(address).is_loopback


def network_of(text: str) -> str:
    """What a site has of the Internet's addresses: an IPv4 address, or 64 bits of an IPv6 address.

    '' if the text is no address.
    """
    address = canonical_address(text)
    return str(ip_network((address, 64), strict=False)) if ":" in address else address
