"""Picture links of a server that listens on every address, fitted to the service."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from easyai.pipeline import link_base
from easyai.pipeline.link_base import LinkBases, rebased
from easyai.service_http.service_networks import own_address
from easyai.settings.schema import Easyai

PATH = "/api/v1/files/t/c/1.jpg?expires=1&signature=2"
FAR4 = "http://10.77.1.2:7901/infer"
FAR6 = "http://user:word@[fd00::2]:7901/infer"


@pytest.fixture(autouse=True)
def _in_two_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYAI_AWAIT_API", "127.0.0.1:5066")
    own = {"10.77.1.2": ip_address("10.77.1.1"), "fd00::2": ip_address("fd00::1")}
    monkeypatch.setattr(link_base, "own_address", lambda towards: own.get(str(towards)))


def _start(endpoint: str, **own: Any) -> str:
    return asyncio.run(LinkBases().of(endpoint, Easyai.model_validate(own)))


@pytest.mark.parametrize("host", ["", "::", "0.0.0.0"])
def test_a_service_gets_the_address_that_this_machine_has_in_its_network(host: str) -> None:
    assert _start(FAR4, host=host, port=5088) == "http://10.77.1.1:5088"


def test_ipv6_service_gets_an_ipv6_link_where_the_api_listens_on_ipv6() -> None:
    assert _start(FAR6, host="::") == "http://[fd00::1]:5066"
    assert _start(FAR6, host="0.0.0.0") == "http://127.0.0.1:5066"


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/", "http://10.99.0.1:1/"],
)
def test_local_or_unroutable_service_gets_the_default_link(endpoint: str) -> None:
    assert _start(endpoint, host="::") == "http://127.0.0.1:5066"


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of look-ups; each finds the far machine under both families."""
    names: list[str] = []

    def resolve(host: str) -> list[str]:
        names.append(host)
        return ["fd00::2", "10.77.1.2"]

    monkeypatch.setattr(link_base, "resolve", resolve)
    return names


def test_service_with_a_host_name_gets_an_address_of_its_network(looked_up: list[str]) -> None:
    assert _start("http://gpu-box:7901/infer", host="0.0.0.0") == "http://10.77.1.1:5066"
    assert _start("http://gpu-box:7901/infer", host="::") == "http://[fd00::1]:5066"
    assert looked_up == ["gpu-box", "gpu-box"]


def test_a_name_is_looked_up_once_for_many_calls(looked_up: list[str]) -> None:
    bases, own = LinkBases(), Easyai(host="::")

    async def call() -> None:
        await asyncio.gather(*(bases.of("http://gpu-box:7901/", own) for _ in range(20)))

    asyncio.run(call())
    assert looked_up == ["gpu-box"]


def test_failed_look_up_keeps_the_known_address(
    looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_base, "_LOOK_UP_EVERY_SEC", 0.0)
    bases, own = LinkBases(), Easyai(host="0.0.0.0")

    async def call() -> list[str]:
        first = await bases.of("http://gpu-box:7901/", own)
        monkeypatch.setattr(link_base, "resolve", lambda _: [])
        return [first, await bases.of("http://gpu-box:7901/", own)]

    assert asyncio.run(call()) == ["http://10.77.1.1:5066"] * 2


def test_a_name_whose_first_look_up_failed_is_looked_up_again_soon(
    looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls may have found it: the service would refuse links for as long as it is unknown."""
    clock = [1000.0]
    monkeypatch.setattr(link_base, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    bases, own = LinkBases(), Easyai(host="0.0.0.0")

    async def call() -> list[str]:
        with monkeypatch.context() as fails:
            fails.setattr(link_base, "resolve", lambda _: [])
            first = await bases.of("http://gpu-box:7901/", own)
        clock[0] += 2.0
        return [first, await bases.of("http://gpu-box:7901/", own)]

    assert asyncio.run(call()) == ["http://127.0.0.1:5066", "http://10.77.1.1:5066"]


def test_link_base_of_the_settings_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _start(FAR4, host="::", public_url="http://box:80/x") == "http://box:80/x"
    assert _start(FAR4, host="10.77.1.1") == "http://10.77.1.1:5066"
    # The API may be on another machine.
    monkeypatch.delenv("EASYAI_AWAIT_API")
    assert _start(FAR4, host="::") == "http://127.0.0.1:5066"


def test_link_into_an_object_store_is_kept() -> None:
    usual = "http://127.0.0.1:5066"
    link = "http://s3:9000/bucket/t/c/1.jpg?X-Amz-Signature=2"
    assert rebased(link, usual, "http://10.77.1.1:5066") == link
    assert rebased(usual + PATH, usual, "http://10.77.1.1:5066") == f"http://10.77.1.1:5066{PATH}"


def test_route_to_an_own_address_starts_at_that_address() -> None:
    assert own_address(ip_address("127.0.0.1")) == ip_address("127.0.0.1")
    if socket.has_ipv6:
        assert own_address(ip_address("::1")) in (ip_address("::1"), None)


def test_calls_within_a_second_query_the_route_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def own(towards: object) -> object:
        asked.append(str(towards))
        return ip_address("10.77.1.1")

    monkeypatch.setattr(link_base, "own_address", own)

    async def calls() -> set[str]:
        bases, settings = LinkBases(), Easyai.model_validate({"host": "::"})
        return {await bases.of(FAR4, settings) for _ in range(100)}

    assert asyncio.run(calls()) == {"http://10.77.1.1:5066"}
    assert len(asked) < 5


def test_number_of_remembered_endpoints_is_bounded(looked_up: list[str]) -> None:
    bases, own = LinkBases(), Easyai(host="0.0.0.0")

    async def calls() -> set[str]:
        many = (f"http://box-{number}:7901/infer" for number in range(2500))
        return {await bases.of(endpoint, own) for endpoint in many}

    assert asyncio.run(calls()) == {"http://10.77.1.1:5066"}
    assert len(looked_up) == 2500
    assert len(bases._found) <= 1000
    assert len(bases._names) <= 1000
