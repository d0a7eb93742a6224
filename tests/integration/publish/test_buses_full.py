"""A full bus works but takes no alerts: alerts wait, and the reason is reported."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator

import pytest

from easyai.errors import BusUnavailableError
from easyai.pipeline.publishing import publish_waiting
from easyai.publish.amqp import AmqpBus
from easyai.publish.bus import open_bus
from easyai.publish.bus_check import BusCheck
from easyai.publish.bus_interface import Message
from easyai.settings.schema import AiAnalysis
from tests.integration.publish.alerts import in_order_for_each_camera, settled, waiting
from tests.integration.publish.buses import BusPlace, RabbitPlace, RedisPlace
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
REMEDIES = {
    "redis": r"Redis is full \(maxmemory\).*XTRIM.*raise maxmemory",
    "rabbitmq": "RabbitMQ takes no messages: its memory or disk alarm.*vm_memory_high_watermark",
}


@pytest.fixture(params=["redis", "rabbitmq"])
def bus(request: pytest.FixtureRequest) -> Iterator[BusPlace]:
    """The buses with a memory limit; the limit is removed after the test."""
    names = {"redis": "redis_bus", "rabbitmq": "rabbit_bus"}
    place: BusPlace = request.getfixturevalue(names[request.param])
    yield place
    place.make_room()


def _fails(site: Installation, remedy: str) -> None:
    """Publishing fails in time with the remedy."""
    began = time.monotonic()
    with pytest.raises(BusUnavailableError, match=remedy):
        publish_waiting(site.runtime, 3)
    assert time.monotonic() - began < 6


def _check_fails(check: BusCheck, remedy: str) -> None:
    began = time.monotonic()
    with pytest.raises(BusUnavailableError, match=remedy):
        check.check()
    assert time.monotonic() - began < 5


def _all_go_out(site: Installation) -> None:
    def gone() -> bool:
        with contextlib.suppress(BusUnavailableError):  # the bus may still be full for a moment
            publish_waiting(site.runtime, 3)
        return not waiting(site)

    wait_until(gone, 10, "all are published")


@on_sqlite
def test_alerts_wait_while_the_bus_is_full_and_are_published_in_order_afterwards(
    site: Installation, bus: BusPlace
) -> None:
    remedy = REMEDIES[bus.kind]
    site.configure(**bus.settings)
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    check.check()
    settled(site, "门口1", "门口2")
    publish_waiting(site.runtime, 10)
    bus.fill_up()
    settled(site, "门口1", "门口2", "门口1", "门口1", "门口3", "门口2")
    for _ in range(3):
        _fails(site, remedy)
        _check_fails(check, remedy)
    assert waiting(site) == [3, 4, 5, 6, 7, 8]
    bus.make_room()
    _all_go_out(site)
    check.check()
    check.close()
    received = [message.alert for message in bus.received(8)]
    assert {alert["id"] for alert in received} == set(range(1, 9))
    assert in_order_for_each_camera(received)


@on_sqlite
def test_bus_full_from_the_start_is_reported_and_closed_at_once(
    site: Installation, bus: BusPlace
) -> None:
    site.configure(**bus.settings)
    bus.fill_up()
    settled(site, "门口1", "门口1", "门口2")
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    _check_fails(check, REMEDIES[bus.kind])
    _fails(site, REMEDIES[bus.kind])
    assert waiting(site) == [1, 2, 3]
    began = time.monotonic()
    check.close()
    assert time.monotonic() - began < 2
    bus.make_room()
    _all_go_out(site)
    assert bus.ids(3) == [1, 3, 2]


@on_sqlite
def test_connections_do_not_pile_up_while_rabbitmq_blocks(
    site: Installation, rabbit_bus: RabbitPlace
) -> None:
    # RabbitMQ does not see that a blocked connection was closed, and keeps its messages.
    site.configure(**rabbit_bus.settings)
    settled(site, "门口1", "门口1", "门口2")
    before = _connections(rabbit_bus)  # earlier tests may have left some
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    check.check()
    rabbit_bus.fill_up()
    try:
        for _ in range(5):
            _fails(site, REMEDIES["rabbitmq"])
            _check_fails(check, REMEDIES["rabbitmq"])
        # The connections of the outbox, of the check, and of the check for system alarms, which
        # publishes nothing during an alarm.
        after = _connections(rabbit_bus)
        opened = [state for name, state in after.items() if name not in before]
        assert sorted(opened) == ["blocked", "blocked", "blocking"]
    finally:
        rabbit_bus.make_room()
        check.close()
    _all_go_out(site)


def _connections(rabbit_bus: RabbitPlace) -> dict[str, str]:
    """The state of each connection by its process in RabbitMQ."""
    lines = rabbit_bus.control("list_connections", "--no-table-headers", "pid", "state")
    return dict(line.split("\t") for line in lines.splitlines())


class WaveIntoAlarm(list[Message]):
    """A batch: the alarm begins before the third message, the last comes after the block."""

    def __init__(self, rabbit: RabbitPlace, messages: Iterable[Message]) -> None:
        super().__init__(messages)
        self._rabbit = rabbit

    def __iter__(self) -> Iterator[Message]:
        yield from self[:2]
        wait_until(lambda: self._rabbit.queued() == 2, 10, "RabbitMQ has two")
        self._rabbit.fill_up()
        yield from self[2:-1]
        wait_until(self._blocked, 20, "RabbitMQ blocks the connection")
        yield self[-1]

    def _blocked(self) -> bool:
        return "blocked" in self._rabbit.control("list_connections", "state").split()


def test_messages_confirmed_before_an_alarm_count_and_the_connection_is_reused(
    rabbit_bus: RabbitPlace,
) -> None:
    bus = AmqpBus(rabbit_bus.address, rabbit_bus.topic)
    wave = [Message(number, TYPE, f"门口{number}", b'{"id": 1}') for number in range(1, 6)]
    try:
        receipt = bus.send(WaveIntoAlarm(rabbit_bus, wave))
    finally:
        rabbit_bus.make_room()
    assert receipt.trouble.code == "bus.rabbitmq_blocked"
    assert receipt.acknowledged == [1, 2]
    began = time.monotonic()
    wait_until(lambda: bus.send(wave[2:]).acknowledged == [3, 4, 5], 4)
    assert time.monotonic() - began < 5  # a missed confirm costs 6 s
    bus.close()
    assert rabbit_bus.queued() >= 5


def test_large_batch_cut_off_by_an_alarm_reports_the_alarm(
    rabbit_bus: RabbitPlace,
) -> None:
    bus = open_bus(AiAnalysis(**rabbit_bus.settings))
    camera = [Message(number, TYPE, f"门口{number}", bytes(10_000_000)) for number in range(1, 4)]
    assert bus.send([Message(9, TYPE, "门口9", b"{}")]).acknowledged == [9]
    rabbit_bus.fill_up()
    try:
        began = time.monotonic()
        receipt = bus.send(camera)
        assert time.monotonic() - began < 10
        assert receipt.trouble.code == "bus.rabbitmq_blocked"
        assert receipt.acknowledged == []
    finally:
        rabbit_bus.make_room()
    wait_until(lambda: not bus.send(camera).trouble, 10, "they are taken")
    bus.close()


@on_sqlite
def test_user_without_default_exchange_rights_publishes_and_sees_the_alarm(
    site: Installation, rabbit_bus: RabbitPlace
) -> None:
    own = rf"^{rabbit_bus.topic}(\.system)?$"
    rabbit_bus.control("add_user", "narrow", "secret")
    rabbit_bus.control("set_permissions", "narrow", own, own, own)
    address = rabbit_bus.address.replace("guest:guest", "narrow:secret")
    site.configure(**{**rabbit_bus.settings, "mq_address": address})
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    try:
        check.check()
        check.check()
        settled(site, *["门口1"] * 3)
        assert publish_waiting(site.runtime, 10).acknowledged == 3
        rabbit_bus.fill_up()
        settled(site, *["门口1"] * 3)
        _fails(site, REMEDIES["rabbitmq"])
        rabbit_bus.make_room()
        _all_go_out(site)
    finally:
        rabbit_bus.make_room()
        rabbit_bus.control("delete_user", "narrow")
        check.close()
    assert in_order_for_each_camera([message.alert for message in rabbit_bus.received(6)])


@on_sqlite
def test_redis_check_adds_no_entry(site: Installation, redis_bus: RedisPlace) -> None:
    site.configure(**redis_bus.settings)
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    check.check()
    assert not redis_bus.client.exists(redis_bus.topic)
    settled(site, "门口1")
    publish_waiting(site.runtime, 10)
    check.check()
    assert redis_bus.ids(1) == [1]
    redis_bus.client.delete(redis_bus.topic)
    redis_bus.client.set(redis_bus.topic, "x")
    _check_fails(check, "is no stream")
    check.close()
