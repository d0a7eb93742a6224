"""Ringing never blocks the caller, and a wake is sent once until it is answered."""

from __future__ import annotations

import logging
import time

import pytest
from celery import Celery
from kombu.connection import Connection

from easyai.broker.connection import publishing_connection
from easyai.db import clock, task_types, wakes
from easyai.tasks.doorbell import CeleryDoorbell
from easyai.tasks.expiry import CLOCK_OFFSET_HEADER
from easyai.tasks.queues import queue_name
from easyai.tasks.wake_publisher import Publisher
from tests.integration.celery.conftest import ON_EMBEDDED_BROKER, MakeInstallation
from tests.integration.celery.installation import Installation
from tests.support.services import RedisServer
from tests.support.waiting import wait_until

PEOPLE = "人数统计"


def test_wake_is_sent_once_until_a_worker_answers(installation: Installation) -> None:
    _know(installation, PEOPLE)
    for _ in range(3):
        _ring(installation)
    assert _waiting(installation) == 1
    with installation.runtime.db.write() as conn:
        wakes.answer(conn, [PEOPLE])
    _ring(installation)
    assert _waiting(installation) == 2


def test_wake_carries_the_clock_offset_of_its_machine(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _know(installation, PEOPLE)
    assert _waiting(installation) == 0
    monkeypatch.setattr(clock, "known_offset_sec", lambda engine: -3600.0)
    _ring(installation)
    with installation.app.connection_for_read() as connection:
        wake = connection.default_channel.basic_get(queue_name(PEOPLE), no_ack=True)
    assert wake.headers[CLOCK_OFFSET_HEADER] == -3600.0


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_ring_without_a_broker_neither_raises_nor_blocks_and_works_afterwards(
    make_installation: MakeInstallation,
    redis_server: RedisServer,
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    installation = make_installation(broker_url=redis_url)
    _know(installation, PEOPLE)
    _ring(installation)
    assert _waiting(installation) == 1
    with installation.runtime.db.write() as conn:
        wakes.answer(conn, [PEOPLE])
    redis_server.stop() if fault == "stopped" else redis_server.pause()
    began = time.monotonic()
    with caplog.at_level(logging.ERROR):
        for _ in range(20):
            installation.runtime.doorbell.ring_all([PEOPLE])
        assert time.monotonic() - began < 2
        assert _doorbell(installation).flush(20)
    assert len([line for line in caplog.messages if "broker does not answer" in line]) == 1
    redis_server.start() if fault == "stopped" else redis_server.resume()

    def arrives() -> bool:
        _ring(installation)
        return _waiting(installation) > 1 - (fault == "stopped")

    wait_until(arrives, 10, "a ring arrives after the broker's return")


@ON_EMBEDDED_BROKER
def test_connection_forgets_the_queues_of_old_types(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Connection] = []

    def noted(app: Celery) -> Connection:
        opened.append(publishing_connection(app))
        return opened[-1]

    monkeypatch.setattr("easyai.tasks.wake_publisher.publishing_connection", noted)
    publisher, most = Publisher(installation.app), 0
    for number in range(2_100):
        publisher.publish(f"type-{number}")
        (connection,) = opened
        most = max(most, len(connection.declared_entities))
    publisher.close()
    assert 100 < most <= 2_000


def _doorbell(installation: Installation) -> CeleryDoorbell:
    doorbell = installation.runtime.doorbell
    assert isinstance(doorbell, CeleryDoorbell)
    return doorbell


def _ring(installation: Installation) -> None:
    _doorbell(installation).ring_all([PEOPLE])
    assert _doorbell(installation).flush(20)


def _know(installation: Installation, task_type: str) -> None:
    with installation.runtime.db.write() as conn:
        task_types.add(conn, [task_type], time.time())


def _waiting(installation: Installation) -> int:
    with installation.app.connection_for_read() as connection:
        count: int = connection.default_channel.queue_declare(
            queue_name(PEOPLE), durable=True, auto_delete=False
        ).message_count
        return count
