"""Known ways in which Celery stops silently: with easyai it recovers by itself."""

from __future__ import annotations

import json
import logging
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from easyai.tasks.queues import queue_name
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import CeleryProcess, Installation, wait_for_frames
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.services import RabbitmqServer, RedisServer
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

PEOPLE, LATER = "人数统计", "后来的类型"
# The options of easyai/tasks/config.py with short times, and without any.
_QUICKER = "{**broker_transport_options, 'socket_timeout': 2, 'health_check_interval': 2}"
_NONE = "{}"


@pytest.fixture
def proxies(redis_server: RedisServer, redis_url: str) -> Iterator[list[TcpProxy]]:
    """Two proxies in front of the same Redis."""
    assert redis_url
    with ExitStack() as stack:
        yield [stack.enter_context(TcpProxy(redis_server.port)) for _ in range(2)]


def _behind(make: MakeInstallation, proxy: TcpProxy, database: int, options: str) -> Installation:
    installation = make(broker_url=f"redis://127.0.0.1:{proxy.port}/{database}")
    (installation.folder / "celeryconfig.py").write_text(
        f"from easyai.tasks.defaults import *\nbroker_transport_options = {options}\n",
        encoding="utf-8",
    )
    return installation


def test_worker_and_beat_reconnect_when_a_connection_drops_packets(
    make_installation: MakeInstallation, proxies: list[TcpProxy]
) -> None:
    # The control: without our socket options the same fault stops inference for good.
    ours, without = AlgorithmStub("ours", (PEOPLE,)), AlgorithmStub("without", (PEOPLE,))
    with ours, without:
        parts: list[list[CeleryProcess]] = []
        installations = []
        for number, stub in enumerate((ours, without)):
            options = (_QUICKER, _NONE)[number]
            installation = _behind(make_installation, proxies[number], number, options)
            installation.register(stub, PEOPLE)
            parts.append([installation.worker(), installation.beat()])
            installations.append(installation)
            installation.add_frame(PEOPLE, "1")
        wait_for_frames(ours, 1, *parts[0])
        wait_for_frames(without, 1, *parts[1])
        assert all(proxy.swallow() >= 2 for proxy in proxies)
        for installation in installations:
            installation.add_frame(PEOPLE, "2")
        began = time.monotonic()
        wait_for_frames(ours, 2, *parts[0])
        assert time.monotonic() - began < 25
        assert without.count == 1, "the fault is none: it heals without our options"


def test_connection_cut_during_a_long_pump_duplicates_no_result(
    make_installation: MakeInstallation, proxies: list[TcpProxy], algorithm: AlgorithmStub
) -> None:
    installation = make_installation(broker_url=f"redis://127.0.0.1:{proxies[0].port}/0")
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    algorithm.delay = 4.0
    installation.add_frame(PEOPLE, "1")
    wait_until(lambda: algorithm.running == 1, 30, "a pump is under way")
    assert proxies[0].cut() >= 2
    installation.add_frame(PEOPLE, "2")
    wait_for_frames(algorithm, 2, worker, beat)
    wait_until(lambda: _alerts(installation) == 2, 15, "both have their alert")
    assert sorted(algorithm.image_paths) == [f"{PEOPLE}/门口1/{name}.jpg" for name in "12"]


def test_inference_resumes_quickly_after_kill_9_of_redis_with_frames_in_flight(
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    redis_server: RedisServer,
    redis_url: str,
) -> None:
    installation = make_installation(broker_url=redis_url)
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    algorithm.delay = 2.0
    installation.add_frame(PEOPLE, "1")
    wait_until(lambda: algorithm.running == 1, 30, "in flight")
    redis_server.kill()
    # A type that appears while the broker is away: its queue must be consumed afterwards.
    installation.register(algorithm, PEOPLE, LATER)
    for task_type in (PEOPLE, LATER):
        installation.add_frame(task_type, "2")
    wait_until(lambda: _alerts(installation) == 1, 15, "what was in flight is settled meanwhile")
    redis_server.start()
    wait_for_frames(algorithm, 3, worker, beat)
    wait_until(lambda: _alerts(installation) == 3, 15, "an alert for each frame")


def test_damaged_messages_in_the_embedded_broker_do_not_end_a_worker(
    make_installation: MakeInstallation, algorithm: AlgorithmStub
) -> None:
    installation = make_installation()
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker, beat)
    broker = installation.folder / "data" / "broker"
    for number, content in enumerate((b"", b'{"body": "W', b"\0" * 512)):
        for queue in ("easyai", queue_name(PEOPLE)):
            name = f"0000000000000000000{number}_{number:032x}.{queue}.msg"
            draft = broker / "claimed" / f".{name}"
            draft.write_bytes(content)
            draft.rename(broker / "queue" / name)
    for table in (broker / "control").glob("*.exchange"):
        table.write_bytes(table.read_bytes()[:7])
    wait_until(lambda: worker.logs().count("damaged message") == 6, 10, "thrown away")
    installation.add_frame(PEOPLE, "2")
    wait_for_frames(algorithm, 2, worker, beat)
    assert (worker.status, beat.status) == ("running", "running")


def test_foreign_and_damaged_messages_in_redis_do_not_end_a_worker(
    make_installation: MakeInstallation, algorithm: AlgorithmStub, redis_url: str
) -> None:
    installation = make_installation(broker_url=redis_url)
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker, beat)
    damaged = [b"", b'{"body": "W', b"\0" * 512, b"\xff\xfe", b"{}", b"[]", b'{"properties": {}}']
    foreign = [_message("foreign.task"), _message("easyai.scan", "application/x-python-serialize")]
    with Redis.from_url(redis_url) as client:
        for queue in ("easyai", queue_name(PEOPLE)):
            client.lpush(queue, *damaged, *foreign)
    wait_until(
        lambda: worker.logs().count("damaged message") == 2 * len(damaged), 10, "thrown away"
    )
    installation.add_frame(PEOPLE, "2")
    wait_for_frames(algorithm, 2, worker, beat)
    assert (worker.status, beat.status) == ("running", "running")
    assert worker.logs().count("unregistered task of type 'foreign.task'") == 2


def test_acknowledging_after_a_lost_connection_does_not_end_the_worker(
    make_installation: MakeInstallation, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    installation = make_installation(broker_url=redis_url)
    installation.app.send_task("easyai.sweep")
    connection = installation.app.connection_for_read()
    message = connection.SimpleQueue("easyai").get(timeout=10)
    errors = connection.connection_errors
    connection.collect()
    connection.close()
    message.channel._disconnect_pools()  # as kombu does when a connection breaks
    # As Celery's worker does once a task has begun; an exception here ends the worker.
    message.ack_log_error(logging.getLogger(), errors)
    assert "closed meanwhile" in caplog.text


def _message(task: str, content_type: str = "application/json") -> bytes:
    properties = {
        "delivery_tag": task,
        "delivery_info": {"exchange": "", "routing_key": "easyai"},
        "body_encoding": "base64",
    }
    message = {
        "body": b64encode(b"[[], {}, null]").decode(),
        "content-type": content_type,
        "content-encoding": "utf-8",
        "headers": {"task": task, "id": "stranger", "lang": "py"},
        "properties": properties,
    }
    return json.dumps(message).encode()


def test_rabbitmq_queue_with_a_chinese_name_is_consumed_after_a_restart(
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    rabbitmq_server: RabbitmqServer,
) -> None:
    rabbitmq_server.start()
    installation = make_installation(broker_url=rabbitmq_server.url)
    installation.register(algorithm, PEOPLE)
    worker, beat = installation.worker(), installation.beat()
    installation.add_frame(PEOPLE, "1")
    wait_for_frames(algorithm, 1, worker, beat)
    rabbitmq_server.kill()
    installation.register(algorithm, PEOPLE, LATER)
    for task_type in (PEOPLE, LATER):
        installation.add_frame(task_type, "2")
    rabbitmq_server.start()
    wait_for_frames(algorithm, 3, worker, beat)


def _alerts(installation: Installation) -> int:
    with installation.runtime.db.read() as conn:
        count: int = conn.exec_driver_sql("SELECT count(*) FROM alerts").scalar_one()
    return count
