"""A wrong address of a bus is refused with the right form, and never shown."""

from __future__ import annotations

from typing import get_args

import pytest

from easyai.errors import BusUnavailableError, SettingsError
from easyai.publish.bus import open_bus
from easyai.settings.addresses import _BUS_ADDRESSES, _BUS_SCHEMES, BusKind, BusName, check_bus
from easyai.settings.schema import AiAnalysis


def _analysis(kind: BusKind, address: str) -> AiAnalysis:
    return AiAnalysis(mq_type=kind, mq_address=address)


_RIGHT: list[tuple[BusName, str]] = [
    ("kafka", "k1:9092"),
    ("kafka", "k1:9092, k2:9093,[::1]:9094"),
    ("kafka", "ssl://k1:9093,k2:9093"),
    ("rabbitmq", "amqp://user:p%40ss@host:5672/"),
    ("rabbitmq", "amqp://user:pa;ss@host:5672/"),
    ("rabbitmq", "amqps://host"),
    ("redis", "redis://:secret@host:6379/0"),
    ("redis", "redis://:sec;ret@host:6379/0"),
    ("redis", "sentinel://:sec;ret@a/0;sentinel://b"),
    ("redis", "rediss://host"),
    ("redis", "host:6379"),
]


def test_correct_address_has_no_problem(subtests: pytest.Subtests) -> None:
    for kind, address in _RIGHT:
        with subtests.test(kind=kind, address=address):
            check_bus(kind, address)


_WRONG: list[tuple[BusName, str, str]] = [
    ("kafka", "", "host1:9092"),
    ("kafka", "SECRET", "host1:9092"),
    ("kafka", "SECRET:port", "host1:9092"),
    ("kafka", "k1:9092,SECRET", "host1:9092"),
    ("kafka", "ssl://SECRET", "host1:9092"),
    ("kafka", "k1:9093,ssl://k2:SECRET", "host1:9092"),
    ("kafka", "amqp://u:SECRET@host:5672", "host1:9092"),
    ("rabbitmq", "", "amqp://user:password@host"),
    ("rabbitmq", "SECRET:5672", "amqp://user:password@host"),
    ("rabbitmq", "redis://:SECRET@host", "amqp://user:password@host"),
    ("rabbitmq", "amqp://u:SECRET@host:port/", "amqp://user:password@host"),
    ("rabbitmq", "amqp://u:SECRET@a/;amqp://u:SECRET@b/", "names several hosts"),
    ("redis", "redis://:SECRET@a;redis://:SECRET@b", "names several hosts"),
    ("redis", "", "redis://:password@host"),
    ("redis", "amqp://u:SECRET@host", "redis://:password@host"),
    ("redis", "redis://", "redis://:password@host"),
    ("redis", "rediss//:SECRET@host", "redis://:password@host"),
    ("redis", "redis:///:SECRET@host", "redis://:password@host"),
    ("redis", "redis://:SECRET", "redis://:password@host"),
]


def test_a_wrong_address_is_named_with_the_right_form_and_never_shown(
    subtests: pytest.Subtests,
) -> None:
    for kind, address, remedy in _WRONG:
        with subtests.test(kind=kind, address=address, remedy=remedy):
            with pytest.raises(SettingsError) as caught:
                open_bus(_analysis(kind, address))
            problem = str(caught.value)
            assert "ai_analysis.mq_address" in problem
            assert remedy in problem
            assert "SECRET" not in problem


def test_every_kind_of_bus_has_schemes_and_an_example_of_its_address() -> None:
    kinds = set(get_args(BusName))
    assert set(_BUS_SCHEMES) == set(_BUS_ADDRESSES) == kinds
    assert {kind for kind, _ in _RIGHT} == {kind for kind, *_ in _WRONG} == kinds


@pytest.mark.parametrize("address", ["", "whatever it is"])
def test_no_bus_is_opened_without_mq_type_whatever_the_address_is(address: str) -> None:
    check_bus("none", address)
    with pytest.raises(BusUnavailableError):
        open_bus(_analysis("none", address))


def test_opening_a_bus_connects_nowhere() -> None:
    for kind, address in _RIGHT:
        open_bus(_analysis(kind, address)).close()
