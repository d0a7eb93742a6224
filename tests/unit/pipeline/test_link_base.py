"""Picture links of a server that listens on every address, fitted to the service."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from easyai.pipeline import link_base
from easyai.pipeline.link_base import fitted
from easyai.pipeline.service_networks import own_address
from easyai.settings import Easyai

PATH = "/api/v1/files/t/c/1.jpg?expires=1&signature=2"
FAR4 = "http://10.77.1.2:7901/infer"
FAR6 = "http://user:word@[fd00::2]:7901/infer"


@pytest.fixture(autouse=True)
def _in_two_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_AWAIT_API", "127.0.0.1:5066")
    own = {"10.77.1.2": ip_address("10.77.1.1"), "fd00::2": ip_address("fd00::1")}
    monkeypatch.setattr(link_base, "own_address", lambda towards: own.get(str(towards)))


def _start(endpoint: str, **own: Any) -> str:
    settings = Easyai.model_validate(own)
    link = fitted(settings.effective_public_url + PATH, endpoint, settings)
    assert link.endswith(PATH)
    return link.removesuffix(PATH)


@pytest.mark.parametrize("host", ["", "::", "0.0.0.0"])
def test_a_service_gets_the_address_that_this_machine_has_in_its_network(host: str) -> None:
    assert _start(FAR4, host=host, port=5088) == "http://10.77.1.1:5088"


def test_a_service_of_ipv6_gets_an_address_of_ipv6_where_it_is_listened_to() -> None:
    assert _start(FAR6, host="::") == "http://[fd00::1]:5066"
    assert _start(FAR6, host="0.0.0.0") == "http://127.0.0.1:5066"


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:1/", "http://[::1]:1/", "http://gpu-box:1/", "http://10.99.0.1:1/"],
)
def test_a_service_here_under_a_name_or_without_a_way_gets_the_usual_link(endpoint: str) -> None:
    assert _start(endpoint, host="::") == "http://127.0.0.1:5066"


def test_what_the_settings_name_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _start(FAR4, host="::", public_url="http://box:80/x") == "http://box:80/x"
    assert _start(FAR4, host="10.77.1.1") == "http://10.77.1.1:5066"
    link = "http://s3:9000/bucket/t/c/1.jpg?X-Amz-Signature=2"
    assert fitted(link, FAR4, Easyai(host="::")) == link
    # The API may be on another machine.
    monkeypatch.delenv("EASYAI_AWAIT_API")
    assert _start(FAR4, host="::") == "http://127.0.0.1:5066"


def test_the_way_to_an_address_of_our_own_begins_there() -> None:
    assert own_address(ip_address("127.0.0.1")) == ip_address("127.0.0.1")
    if socket.has_ipv6:
        assert own_address(ip_address("::1")) in (ip_address("::1"), None)
