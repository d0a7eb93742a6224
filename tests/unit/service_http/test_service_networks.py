"""Which addresses a service may have."""

from __future__ import annotations

import socket

import pytest

from easyai.errors import BadRequestError
from easyai.service_http import service_networks as module
from easyai.service_http.service_networks import ServiceNetworks, service_networks
from easyai.settings.schema import Settings

OURS = ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:7f00:1"]
ANYWHERE = ServiceNetworks(("0.0.0.0/0", "::/0"), 5066)


def _in_force(host: str, *networks: str) -> ServiceNetworks:
    raw = {"easyai": {"host": host}, "ai_analysis": {"service_networks": networks}}
    return service_networks(Settings.model_validate(raw))


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "100.100.100.200",
        "fd00:ec2::254",
    ],
)
def test_link_local_and_metadata_are_refused_whatever_the_settings(host: str) -> None:
    assert "never called" in ANYWHERE.refusal(host, 80)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:7f00:1"]
)
def test_own_port_is_refused_at_every_own_address(host: str) -> None:
    assert "this server itself" in ANYWHERE.refusal(host, 5066)
    assert ANYWHERE.refusal(host, 7901) == ""


def test_own_port_number_on_another_machine_is_a_service() -> None:
    assert ANYWHERE.refusal("192.168.77.20", 5066) == ""


@pytest.mark.parametrize(
    ("listens", "host", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "192.168.1.20", False),
        ("127.0.0.1", "192.168.1.20", False),
        ("0.0.0.0", "192.168.1.20", True),
        ("", "10.1.2.3", True),
        ("192.168.1.9", "172.20.0.5", True),
        ("0.0.0.0", "fd12::1", True),
        ("0.0.0.0", "203.0.113.7", False),
        ("0.0.0.0", "172.32.0.1", False),
    ],
)
def test_the_default_fits_the_address_we_listen_on(listens: str, host: str, allowed: bool) -> None:
    assert (_in_force(listens).refusal(host, 80) == "") is allowed


def test_a_gateway_in_front_means_that_services_live_elsewhere() -> None:
    for public_url, allowed in (
        ("http://172.16.5.207:5066", True),
        ("http://cameras.example.com", True),
        ("http://127.0.0.1:8080", False),
        ("", False),
    ):
        raw = {"easyai": {"host": "127.0.0.1", "public_url": public_url}}
        networks = service_networks(Settings.model_validate(raw))
        assert (networks.refusal("192.168.1.20", 80) == "") is allowed, public_url


def test_an_address_of_this_machine_is_as_good_as_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_is_ours", lambda address: str(address) == "192.168.1.9")
    assert _in_force("127.0.0.1").refusal("192.168.1.9", 7901) == ""
    assert "not in service_networks" in _in_force("127.0.0.1").refusal("192.168.1.8", 7901)
    assert "not in service_networks" in _in_force("", "10.0.0.0/8").refusal("192.168.1.9", 7901)


def test_worker_without_the_host_of_the_api_calls_private_services() -> None:
    # The API was started with --host, which the worker's settings do not hold.
    no_settings = Settings.model_validate({})
    assert service_networks(no_settings).refusal("192.168.1.20", 7901) == ""
    assert service_networks(no_settings).refusal("203.0.113.7", 7901) != ""
    registering = service_networks(no_settings, registering=True)
    assert registering.refusal("192.168.1.20", 7901) != ""


def test_configured_networks_stand_in_place_of_the_default() -> None:
    chosen = _in_force("0.0.0.0", "203.0.113.0/24")
    assert chosen.refusal("203.0.113.7", 80) == ""
    assert "not in service_networks" in chosen.refusal("127.0.0.1", 80)


def test_a_refused_registration_names_the_field_and_the_remedy() -> None:
    with pytest.raises(BadRequestError) as refused:
        _in_force("0.0.0.0").check("http://203.0.113.7/infer", "health_url")
    assert str(refused.value).startswith("health_url: 203.0.113.7 is not in service_networks")
    assert "add its network to ai_analysis.service_networks" in str(refused.value)


def test_unresolvable_name_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resolve", lambda host: [])
    _in_force("127.0.0.1").check("http://camera-box.later/infer", "endpoint")


def test_name_with_a_single_allowed_address_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = ["203.0.113.7", "127.0.0.1"]
    monkeypatch.setattr(module, "resolve", lambda host: found)
    _in_force("127.0.0.1").check("http://box/infer", "endpoint")
    found.pop()
    with pytest.raises(BadRequestError):
        _in_force("127.0.0.1").check("http://box/infer", "endpoint")


def test_a_name_server_that_hangs_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait(10)
        return []

    monkeypatch.setattr(module, "LOOK_UP_SEC", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = threading.active_count()
    assert [module.resolve("box") for _ in range(20)] == [[]] * 20
    assert threading.active_count() - started <= 8
    released.set()


def test_malformed_network_is_a_settings_error() -> None:
    with pytest.raises(ValueError, match=r"settings\.no_network"):
        _in_force("0.0.0.0", "everywhere")
