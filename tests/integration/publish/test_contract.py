"""Every bus gets every alert in order and in the form of the contract (section 5)."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME

from easyai.db import alerts as alerts_db
from easyai.domain.alarm_as_alert import system_result
from easyai.domain.alert import utc_text
from easyai.domain.reason import quoted
from easyai.errors import BusUnavailableError
from easyai.pipeline.publishing import anything_waits, publish_waiting
from easyai.publish import system_topic
from easyai.publish.bus_check import BusCheck
from tests.integration.publish.alerts import (
    in_order_for_each_camera,
    row,
    settled,
    waiting,
)
from tests.integration.publish.buses import BusPlace, KafkaPlace, RedisPlace
from tests.support.kafka_cluster import alert_of
from tests.support.site import TYPE, Installation

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
FIELDS = {
    "id",
    "task_id",
    "task_type",
    "image_path",
    "image_url",
    "algorithm_id",
    "algorithm_name",
    "result",
    "confidence",
    "detection_count",
    "inference_time_ms",
    "created_at",
    "updated_at",
}


def test_alert_arrives_with_the_fields_of_the_contract(site: Installation, bus: BusPlace) -> None:
    site.configure(**bus.settings)
    path = f"alerts/{TYPE}/门口2/1.jpg"
    saved = row("门口2", image_path=path, now=1_763_107_200.5)
    with site.runtime.db.write() as conn:
        alerts_db.add(conn, [saved], for_bus=True)
    began = time.time()
    assert publish_waiting(site.runtime, 10).acknowledged == 1
    (message,) = bus.received(1)
    keys = {"kafka": "门口2", "rabbitmq": f"{TYPE}.门口2", "redis": "alert"}
    assert message.key == keys[bus.kind]
    alert = message.alert
    assert set(alert) == FIELDS
    assert (alert["task_id"], alert["task_type"]) == ("门口2", TYPE)
    assert json.loads(alert["result"]) == {"count": 2}
    assert json.dumps(alert["inference_time_ms"]) == "45"  # documented consumers decode into int
    assert alert["created_at"] == "2025-11-14T08:00:00.500Z"
    assert alert["image_url"].startswith(site.public_url)
    expires = int(alert["image_url"].partition("expires=")[2].partition("&")[0])
    assert began + 86_400 <= expires <= time.time() + 86_400 + 3600  # links change each hour
    (saved_row,) = site.alerts()
    assert began <= saved_row["published_at"] <= time.time()
    assert alert["id"] == saved_row["id"]


def test_kafka_record_has_the_time_of_its_alert(site: Installation, kafka_bus: KafkaPlace) -> None:
    site.configure(**kafka_bus.settings)
    moments = [1_763_107_200.5, 1_763_107_200.123, 1_763_107_200.9999]
    with site.runtime.db.write() as conn:
        alerts_db.add(conn, [row("门口2", now=moment) for moment in moments], for_bus=True)
    publish_waiting(site.runtime, 10)
    messages = kafka_bus.server.messages(kafka_bus.topic, 3)
    stamps = {alert_of(message)["id"]: message.timestamp() for message in messages}
    assert stamps == {
        1: (TIMESTAMP_CREATE_TIME, 1_763_107_200_500),
        2: (TIMESTAMP_CREATE_TIME, 1_763_107_200_123),
        3: (TIMESTAMP_CREATE_TIME, 1_763_107_200_999),
    }
    for message in messages:
        stamp = message.timestamp()[1]
        assert alert_of(message)["created_at"] == utc_text(stamp / 1000), "as in the alert itself"


def test_alerts_arrive_in_order_per_camera_and_system_alarms_separately(
    site: Installation, bus: BusPlace
) -> None:
    site.configure(alert_batch_size=50, **bus.settings)
    for number in range(60):
        settled(site, *[f"门口{(number + camera) % 5}" for camera in range(5)])
    with site.runtime.db.write() as conn:
        result = system_result("no service", "无算法", quoted("none"), "no_service")
        alerts_db.add_system(conn, "no_algorithm", result, time.time(), for_bus=True)
    assert anything_waits(site.runtime)
    assert publish_waiting(site.runtime, 20).acknowledged == 301
    received = [message.alert for message in bus.received(300)]
    assert sorted(alert["id"] for alert in received) == list(range(1, 301))
    assert in_order_for_each_camera(received)
    (message,) = bus.received(1, bus.system_topic)
    keys = {"kafka": "system", "rabbitmq": "no_algorithm.system", "redis": "alert"}
    assert message.key == keys[bus.kind]
    system = message.alert
    assert (system["id"], system["task_id"]) == (301, "system")
    assert (system["task_type"], system["algorithm_id"]) == ("no_algorithm", "system_monitor")
    assert (system["algorithm_name"], system["confidence"]) == ("系统监控", 1.0)
    decoded = json.loads(system["result"])  # as the documented consumer does
    assert (decoded["message"], decoded["message_zh"]) == ("no service", "无算法")
    assert decoded["cause"] == "no_service"
    assert system["image_url"] == ""
    assert not anything_waits(site.runtime)


def test_alerts_wait_during_a_bus_outage_and_then_arrive_in_order(
    site: Installation, bus: BusPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyai.publish.kafka.SEND_SEC", 1.5)
    monkeypatch.setattr("easyai.publish.kafka.CONNECT_SEC", 1.0)
    site.configure(**bus.settings)
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    check.check()
    settled(site, "门口1", "门口2")
    publish_waiting(site.runtime, 10)
    before = bus.ids(2)
    bus.break_down()
    try:
        settled(site, "门口1", "门口2", "门口1", "门口1")
        with pytest.raises(BusUnavailableError, match="(?i)" + bus.kind):
            publish_waiting(site.runtime, 10)
        assert waiting(site) == [3, 4, 5, 6]
        with pytest.raises(BusUnavailableError, match="(?i)" + bus.kind):
            check.check()
    finally:
        bus.repair()
    began = time.monotonic()
    check.check()
    assert publish_waiting(site.runtime, 10).acknowledged == 4
    assert time.monotonic() - began < 5
    kept = [] if bus.kind == "redis" else before  # this Redis forgets its data when it stops
    received = [message.alert for message in bus.received(len(kept) + 4)]
    assert {alert["id"] for alert in received} == {*kept, 3, 4, 5, 6}
    assert in_order_for_each_camera(received)
    assert waiting(site) == []
    site.configure(mq_type="none")
    check.check()
    check.close()


def test_unusable_system_topic_delays_no_alert_of_a_frame(
    site: Installation, redis_bus: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_topic, "REST_SEC", 0.0)
    site.configure(**redis_bus.settings, mq_system_topic="alarms")
    redis_bus.client.set("alarms", "no stream")
    settled(site, "门口1")
    with site.runtime.db.write() as conn:
        for _ in range(2):
            alerts_db.add_system(conn, "no_algorithm", "无算法", time.time(), for_bus=True)
    settled(site, "门口1", "system")
    report = publish_waiting(site.runtime, 10)
    assert redis_bus.ids(2) == [1, 4]
    assert report.held_up["system"].code == "bus.system_topic"
    check = BusCheck(lambda: site.runtime.settings.ai_analysis)
    with pytest.raises(BusUnavailableError, match=r"mq_system_topic.* the key alarms is no stream"):
        check.check()
    redis_bus.client.delete("alarms")
    check.check()
    check.close()
    publish_waiting(site.runtime, 10)
    assert [message.alert["id"] for message in redis_bus.received(2, "alarms")] == [2, 3]
    # A camera may be named "system": its alerts are alerts of frames.
    assert redis_bus.ids(3) == [1, 4, 5]


def test_system_alarms_share_the_alert_topic_when_configured_so(
    site: Installation, redis_bus: RedisPlace
) -> None:
    site.configure(**redis_bus.settings, mq_system_topic=redis_bus.topic)
    settled(site, "门口1")
    with site.runtime.db.write() as conn:
        alerts_db.add_system(conn, "no_algorithm", "无算法", time.time(), for_bus=True)
    publish_waiting(site.runtime, 10)
    assert redis_bus.ids(2) == [1, 2]
