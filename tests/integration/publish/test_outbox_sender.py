"""The outbox, on both databases, loses no alert, keeps ids and the order per camera."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from easyai.db import alerts as alerts_db
from easyai.domain.reason import quoted
from easyai.errors import BusUnavailableError, SettingsError
from easyai.pipeline.publishing import anything_waits, publish_waiting
from easyai.publish.bus import CurrentBus, open_bus
from easyai.publish.bus_interface import Message, Receipt
from easyai.publish.outbox_sender import Outbox
from easyai.settings.schema import AiAnalysis
from tests.integration.publish.alerts import in_order_for_each_camera, row, settle, settled, waiting
from tests.integration.publish.buses import KafkaPlace, RabbitPlace, RedisPlace
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def _publisher(site: Installation, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.publish.publisher_process"]
    return subprocess.Popen(
        [*command, str(site.config), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_publisher_killed_before_marking_sends_the_same_ids_again(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    settled(site, "门口1", "门口2", "门口1")
    publisher = _publisher(site, "hang-before-marking")
    assert publisher.stdout is not None
    assert publisher.stdout.readline() == "sent\n"
    publisher.kill()
    publisher.communicate(timeout=10)
    assert waiting(site) == [1, 2, 3]
    assert publish_waiting(site.runtime, 10).acknowledged == 3
    assert redis_bus.ids(6) == [1, 2, 3, 1, 2, 3]
    assert waiting(site) == []


def test_killed_publishers_lose_no_alert_and_keep_the_order(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(alert_batch_size=20, **redis_bus.settings)
    cameras = [f"门口{number % 3}" for number in range(600)]
    settled(site, *cameras)
    for sent in (40, 300):
        publisher = _publisher(site)
        _wait_for_entries(redis_bus, sent)
        publisher.kill()
        publisher.communicate(timeout=10)
    assert publish_waiting(site.runtime, 20)
    received = [message.alert for message in redis_bus.received(600)]
    assert {alert["id"] for alert in received} == set(range(1, 601))
    assert in_order_for_each_camera(received)
    assert len(received) <= 600 + 2 * 20  # at most a repeated batch for each crash


def _wait_for_entries(redis_bus: RedisPlace, count: int) -> None:
    wait_until(lambda: redis_bus.client.xlen(redis_bus.topic) >= count, 20)


def test_two_concurrent_publishers_keep_the_order_per_camera(
    site: Installation, redis_bus: RedisPlace
) -> None:
    # As after a lost claim: the claim avoids duplicates, the order does not need it.
    site.configure(alert_batch_size=10, **redis_bus.settings)
    settled(site, *[f"门口{number % 2}" for number in range(200)])
    threads = [
        threading.Thread(target=publish_waiting, args=(runtime, 20.0))
        for runtime in (site.runtime, site.open())
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    received = [message.alert for message in redis_bus.received(200)]
    assert {alert["id"] for alert in received} == set(range(1, 201))
    assert in_order_for_each_camera(received)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_alert_committed_late_is_sent_before_later_alerts_of_its_camera(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    done: list[Any] = []
    publisher = threading.Thread(
        target=lambda: done.append(publish_waiting(site.runtime, 20.0)), daemon=True
    )
    with site.runtime.db.write() as conn:
        settle(conn, "门口1")  # has id 1, and is not committed yet
        other = threading.Thread(target=settled, args=(site, "门口1"))
        other.start()
        other.join()
        assert waiting(site) == [2]
        publisher.start()
        wait_until(lambda: _waits_for_lock(site), 10, "the publisher waits for the transaction")
        assert not done
    publisher.join(10)
    assert redis_bus.ids(2) == [1, 2]


def _waits_for_lock(site: Installation) -> bool:
    return bool(site.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


def test_permanently_refused_alert_is_given_up_and_kept(
    site: Installation, kafka_bus: KafkaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyai.publish.kafka.LARGEST_MESSAGE", 2000)
    site.configure(**kafka_bus.settings)
    with site.runtime.db.write() as conn:
        huge = row("门口1", result='"' + "x" * 3000 + '"')
        alerts_db.add(conn, [row("门口1"), huge, row("门口1")], for_bus=True)
    report = publish_waiting(site.runtime, 20)
    assert (report.acknowledged, report.refused) == (2, 1)
    assert kafka_bus.ids(2) == [1, 3]
    first, refused, last = site.alerts()
    assert first["published_at"] > 0
    assert last["published_at"] > 0
    assert refused["published_at"] == pytest.approx(-time.time(), abs=60)
    (event,) = site.rows("SELECT * FROM events WHERE kind = 'alert_refused'")
    assert event["subject"] == "门口1"
    assert "alert 2: Kafka: " in event["text"]
    assert event["reason_code"] == "bus.alert_refused"
    assert "too large" in event["text"]
    assert not anything_waits(site.runtime)


@on_sqlite
def test_publishing_continues_after_kafka_returned_empty_under_load(
    site: Installation, kafka_bus: KafkaPlace
) -> None:
    # Brokers without their data do not know the old producer: librdkafka ends it for ever.
    site.configure(alert_batch_size=20, **kafka_bus.settings)
    failed, over = threading.Semaphore(0), threading.Event()

    def publish() -> None:
        while not over.wait(0.01) or waiting(site):
            try:
                publish_waiting(site.runtime, 1.0)
            except BusUnavailableError:
                failed.release()

    publisher = threading.Thread(target=publish)
    publisher.start()
    cameras = [f"门口{number % 5}" for number in range(100)]
    for _ in range(2):
        settled(site, *cameras)
        kafka_bus.server.forget_producers()
        settled(site, *cameras)
        assert failed.acquire(timeout=10)
    over.set()
    publisher.join(20)
    assert waiting(site) == []
    assert not failed.acquire(blocking=False), "each time one wave failed, and the next arrived"
    received = [message.alert for message in kafka_bus.received(400)]
    assert {alert["id"] for alert in received} == set(range(1, 401))
    assert in_order_for_each_camera(received)


def test_rabbitmq_refuses_a_too_large_message_and_takes_the_next(
    rabbit_bus: RabbitPlace,
) -> None:
    bus = open_bus(AiAnalysis(**rabbit_bus.settings))
    small = Message(1, TYPE, "门口1", b"{}")
    huge = Message(2, TYPE, "门口2", bytes(135_000_000))  # RabbitMQ 3: 128 MB, RabbitMQ 4: 16 MB
    receipt = bus.send([huge, small])
    assert list(receipt.refused) == [2]
    assert receipt.refused[2].code == "bus.rabbitmq_too_large"
    assert not receipt.trouble
    assert bus.send([small]).acknowledged == [1]
    bus.close()


@on_sqlite
def test_full_queue_of_a_camera_delays_only_that_camera(
    site: Installation, rabbit_bus: RabbitPlace
) -> None:
    site.configure(alert_batch_size=2, **rabbit_bus.settings)
    rabbit_bus.unbind(rabbit_bus.topic, "#")
    rabbit_bus.bind(rabbit_bus.topic, "*.门口2")
    narrow = f"{rabbit_bus.topic}.narrow"
    rabbit_bus.bind(narrow, "*.门口1", x_max_length=1, x_overflow="reject-publish")
    settled(site, *["门口1"] * 4, *["门口2"] * 4)
    report = publish_waiting(site.runtime, 10)
    assert list(report.held_up) == ["门口1"]
    assert waiting(site) == [2, 3, 4]
    assert rabbit_bus.ids(4) == [5, 6, 7, 8]
    taken = []
    with rabbit_bus.connect() as consumer:
        channel = consumer.channel()
        for _ in range(4):
            publish_waiting(site.runtime, 10)
            taken += rabbit_bus.taken(channel, narrow)
        channel.queue_delete(narrow)
    assert [message.alert["id"] for message in taken] == [1, 2, 3, 4]


@on_sqlite
def test_next_alerts_go_to_the_bus_of_changed_settings(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    settled(site, "门口1")
    publish_waiting(site.runtime, 10)
    site.configure(**{**redis_bus.settings, "mq_topic": "elsewhere"})
    settled(site, "门口1")
    publish_waiting(site.runtime, 10)
    assert redis_bus.ids(1) == [1]
    redis_bus.topic = "elsewhere"
    assert redis_bus.ids(1) == [2]
    site.configure(mq_type="kafka", mq_address="no-port")
    settled(site, "门口1")
    with pytest.raises(SettingsError, match=r"mq_address.*9092"):
        publish_waiting(site.runtime, 10)


@on_sqlite
def test_bus_errors_hide_the_password(site: Installation, redis_bus: RedisPlace) -> None:
    redis_bus.server.stop()
    port = redis_bus.server.port
    settled(site, "门口1")
    for kind, address in (
        ("redis", f"redis://:GEHEIM@127.0.0.1:{port}/0"),
        ("rabbitmq", f"amqp://GEHEIM:GEHEIM@127.0.0.1:{port}/"),
    ):
        site.configure(mq_type=kind, mq_address=address)
        with pytest.raises(BusUnavailableError) as caught:
            publish_waiting(site.runtime, 10)
        assert "GEHEIM" not in str(caught.value)
    redis_bus.server.start()


def test_settled_alerts_wait_only_for_a_configured_bus_and_have_their_picture(
    site: Installation, algorithm: AlgorithmStub, redis_bus: RedisPlace
) -> None:
    algorithm.answer = lambda _: detections(1)
    site.register(algorithm)
    site.put_many(2)
    site.work(site.loop())
    assert [alert["published_at"] for alert in site.alerts()] == [0.0, 0.0]
    assert not anything_waits(site.runtime)
    site.configure(**redis_bus.settings)
    site.put_many(3, camera="门口2")
    site.work(site.loop())
    assert waiting(site) == [3, 4, 5]
    assert publish_waiting(site.runtime, 10).acknowledged == 3
    received = redis_bus.received(3)
    for message in received:
        assert message.alert["image_path"].startswith(f"alerts/{TYPE}/门口2/")
        assert message.alert["image_url"].startswith(site.public_url)


def test_id_of_a_deleted_alert_is_never_reused(site: Installation) -> None:
    # A consumer would take the new alert for the deleted alert, and drop it.
    settled(site, "门口1", "门口1")
    with site.runtime.db.write() as conn:
        alerts_db.remove(conn, [1, 2])
    settled(site, "门口1")
    assert waiting(site) == [3]


class UnreliableBus(CurrentBus):
    """A bus that randomly loses messages and answers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.received: list[dict[str, Any]] = []

    def of(self, _analysis: AiAnalysis) -> Any:
        """Return this bus."""
        return self

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Take, refuse or lose each message at random."""
        receipt = Receipt()
        for message in messages:
            whim = self.random.random()
            if whim < 0.6:
                receipt.acknowledged.append(message.alert_id)
            elif whim < 0.8:
                receipt.held_up[message.alert_id] = quoted("not now")
            elif whim < 0.9:
                receipt.trouble = quoted("the answer got lost")
            else:
                receipt.trouble = quoted("the message got lost")
                continue
            if whim < 0.6 or whim >= 0.8:
                self.received.append(json.loads(message.body))
        return receipt


@on_sqlite
@pytest.mark.parametrize("seed", range(5))
def test_unreliable_bus_loses_no_alert_and_keeps_the_order(site: Installation, seed: int) -> None:
    site.configure(mq_type="redis", mq_address="nowhere:1", alert_batch_size=7)
    bus = UnreliableBus(seed)
    outbox = Outbox(
        site.runtime.db, site.runtime.store, lambda: site.runtime.settings.ai_analysis, bus
    )
    settled(site, *[f"门口{bus.random.randrange(4)}" for _ in range(60)])
    limit = time.monotonic() + 20
    while waiting(site) and time.monotonic() < limit:
        with contextlib.suppress(BusUnavailableError):
            outbox.publish(5.0)
    assert {alert["id"] for alert in bus.received} == set(range(1, 61))
    assert in_order_for_each_camera(bus.received)


class BreakingBus(UnreliableBus):
    """A bus that takes a batch and fails at the next."""

    def send(self, messages: Sequence[Message]) -> Receipt:
        """Take the first batch, fail at the next."""
        if self.received:
            raise BusUnavailableError("gone")
        self.received = [json.loads(message.body) for message in messages]
        return Receipt(acknowledged=[message.alert_id for message in messages])


@on_sqlite
def test_acknowledged_alerts_are_not_sent_again_after_a_bus_failure(
    site: Installation,
) -> None:
    site.configure(mq_type="redis", mq_address="nowhere:1")
    outbox = Outbox(
        site.runtime.db,
        site.runtime.store,
        lambda: site.runtime.settings.ai_analysis,
        BreakingBus(1),
    )
    settled(site, "门口1", "门口2", "门口1")
    with pytest.raises(BusUnavailableError):
        outbox.publish(5.0)
    assert waiting(site) == [3]
