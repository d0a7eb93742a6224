"""IP addresses in a form for comparison."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


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
