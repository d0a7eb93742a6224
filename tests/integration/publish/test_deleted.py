"""An alert deleted before its publication is still published."""

from __future__ import annotations

import json
import threading

import pytest

from easyai.db import outbox
from easyai.pipeline.alert_removal import delete_alerts
from easyai.pipeline.publishing import anything_waits, publish_waiting
from tests.integration.publish.alerts import in_order_for_each_camera, settled, waiting
from tests.integration.publish.buses import BusPlace, RedisPlace
from tests.support.site import Installation
from tests.support.waiting import wait_until


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_deleted_alerts_are_published_in_the_order_of_their_camera(
    site: Installation, bus: BusPlace
) -> None:
    site.configure(**bus.settings)
    settled(site, "门口1", "门口2", "门口1", "门口1")
    assert delete_alerts(site.runtime, [1, 3]) == 2
    assert [alert["id"] for alert in site.alerts()] == [2, 4]

    assert publish_waiting(site.runtime, 10).acknowledged == 4

    received = [message.alert for message in bus.received(4)]
    assert sorted(alert["id"] for alert in received) == [1, 2, 3, 4]
    assert in_order_for_each_camera(received)
    (first,) = [alert for alert in received if alert["id"] == 1]
    assert (first["task_id"], first["detection_count"]) == ("门口1", 2)
    assert json.loads(first["result"]) == {"count": 2}
    assert not anything_waits(site.runtime)
    assert publish_waiting(site.runtime, 10).acknowledged == 0


def test_deleted_alerts_count_as_waiting_until_they_are_published(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    settled(site, "门口1", "门口1")
    created_at = site.alerts()[0]["created_at"]
    delete_alerts(site.runtime, [1, 2])
    assert site.alerts() == []
    assert anything_waits(site.runtime)
    with site.runtime.db.read() as conn:
        assert outbox.backlog(conn) == (2, created_at)

    assert publish_waiting(site.runtime, 10).acknowledged == 2
    assert redis_bus.ids(2) == [1, 2]
    with site.runtime.db.read() as conn:
        assert outbox.backlog(conn) == (0, None)


def test_deleting_a_published_or_busless_alert_leaves_nothing_in_the_outbox(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    settled(site, "门口1", "门口1")
    assert publish_waiting(site.runtime, 10).acknowledged == 2
    delete_alerts(site.runtime, [1])
    assert not anything_waits(site.runtime)

    settled(site, "门口1")
    site.configure(mq_type="none")
    delete_alerts(site.runtime, [2, 3])
    site.configure(**redis_bus.settings)
    assert not anything_waits(site.runtime)


def test_alert_deleted_before_its_acknowledgement_is_not_sent_again(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    settled(site, "门口1", "门口1")
    delete_alerts(site.runtime, [1])
    with site.runtime.db.write() as conn:
        outbox.acknowledged(conn, [1], 5.0)
    assert publish_waiting(site.runtime, 10).acknowledged == 1
    assert redis_bus.ids(1) == [2]


def test_alerts_deleted_during_publication_arrive(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(alert_batch_size=10, **redis_bus.settings)
    settled(site, *[f"门口{number % 3}" for number in range(120)])
    ids = [alert["id"] for alert in site.alerts()]

    def delete() -> None:
        runtime = site.open()
        for alert_id in reversed(ids):
            delete_alerts(runtime, [alert_id])

    thread = threading.Thread(target=delete)
    thread.start()

    def all_gone() -> bool:
        deleting = thread.is_alive()
        publish_waiting(site.runtime, 1.0)
        return not deleting and not anything_waits(site.runtime)

    wait_until(all_gone, 20, "everything is deleted and published")
    thread.join()

    received = [message.alert for message in redis_bus.received(120)]
    assert {alert["id"] for alert in received} == set(ids)
    assert in_order_for_each_camera(received)
    assert site.alerts() == []
    assert waiting(site) == []


def test_deleted_alerts_beyond_the_batch_or_of_a_held_up_camera_wait(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings)
    settled(site, "门口1", "门口2", "门口1", "门口2")
    delete_alerts(site.runtime, [1, 3])

    def found(newest: int, *held_up: str, most: int = 10) -> list[int]:
        with site.runtime.db.read() as conn:
            return [row.id for row in outbox.waiting(conn, newest, most, 10_000, held_up)]

    assert found(4) == [1, 2, 3, 4]
    assert found(4, most=2) == [1, 2]
    # Above the newest, a camera's alert with a lower id may not be committed yet.
    assert found(2) == [1, 2]
    assert found(4, "门口1") == [2, 4]
