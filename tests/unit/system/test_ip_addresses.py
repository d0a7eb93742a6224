"""Addresses and networks are compared whatever their form."""

from __future__ import annotations

import pytest

from easyai.system.ip_addresses import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.7.20", "192.168.7.20"),
        ("::ffff:192.168.7.20", "192.168.7.20"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nowhere", ""),
        ("", ""),
    ],
)
def test_network_of_an_address_in_any_form(address: str, network: str) -> None:
    assert network_of(address) == network
