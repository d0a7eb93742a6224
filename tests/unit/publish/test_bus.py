"""Addresses of buses, groups of alerts, routing keys."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.errors import SettingsError
from easyai.publish.amqp import AmqpBus, routing_key
from easyai.publish.bus import Message, open_bus
from easyai.publish.outbox import waves
from easyai.settings.addresses import check_bus
from easyai.settings.schema import AiAnalysis


def _analysis(kind: Any, address: str, topic: str = "easyai.alerts") -> AiAnalysis:
    return AiAnalysis(mq_type=kind, mq_address=address, mq_topic=topic)


_RIGHT = [
    ("none", ""),
    ("none", "whatever it is"),
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


def test_a_right_address_has_no_problem(subtests: pytest.Subtests) -> None:
    for kind, address in _RIGHT:
        with subtests.test(kind=kind, address=address):
            check_bus(kind, address)
            open_bus(_analysis(kind, address)).close()


_WRONG = [
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


def test_an_address_that_amqp_cannot_read_is_refused_without_its_text() -> None:
    with pytest.raises(SettingsError, match=r"ai_analysis\.mq_address") as caught:
        AmqpBus("amqp://user:SECRET", "easyai.alerts")
    assert "SECRET" not in str(caught.value)


def test_opening_a_bus_connects_nowhere() -> None:
    for kind, address in (("kafka", "h:1"), ("rabbitmq", "amqp://h"), ("redis", "h:1")):
        open_bus(_analysis(kind, address)).close()


class Row(NamedTuple):
    """What `waves` looks at."""

    id: int
    task_id: str


@given(st.lists(st.sampled_from("abcde")))
def test_a_wave_holds_each_camera_once_and_its_older_alerts_went_before(cameras: str) -> None:
    rows: Any = [Row(number, camera) for number, camera in enumerate(cameras)]
    made = list(waves(rows))
    assert sorted(row.id for wave in made for row in wave) == list(range(len(rows)))
    for wave in made:
        assert len({row.task_id for row in wave}) == len(wave)
    for camera in set(cameras):
        ids = [row.id for wave in made for row in wave if row.task_id == camera]
        assert ids == sorted(ids)
    # No more waves than needed: each is a round trip.
    assert len(made) == max((list(cameras).count(one) for one in set(cameras)), default=0)


def test_a_routing_key_longer_than_amqp_allows_is_cut_between_characters() -> None:
    assert routing_key(Message(1, "人数统计", "门口2", b"")) == "人数统计.门口2"
    key = routing_key(Message(1, "人" * 80, "门" * 80, b""))
    assert key == "人" * 80 + "." + "门" * 4
    assert len(key.encode()) <= 255
