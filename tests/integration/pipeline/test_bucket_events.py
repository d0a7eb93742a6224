"""Events of a bucket that its store leaves in a Redis or a RabbitMQ are taken in."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from easyai.db.recorded_frames import NewFrame
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.recording import Recording
from easyai.store.frame_store import Picture
from easyai.tasks import event_sources, intake_thread
from easyai.tasks.bucket_event_reader import BucketEventReader
from easyai.tasks.process import WorkerProcess
from tests.integration.pipeline.bucket_site import use_bucket
from tests.integration.pipeline.minio_events import Sender, ToRabbitmq, ToRedis
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace, jpeg
from tests.integration.store.swift_server import SwiftServer
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.services import RabbitmqServer, RedisServer
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

__all__ = ["swift_server"]
pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
KEYS = [f"{TYPE}/门口1/a b+c.jpg", f"{TYPE}/门口1/2.jpg", f"{TYPE}/门口1/3.jpg"]
_VARIABLE = "EASYAI_FRAME_EXTRACTOR__MINIO__EVENTS_"
_READ = "events of the bucket are read"
_numbers = itertools.count(1)


@pytest.fixture
def bucket(swift_server: SwiftServer) -> BucketPlace:
    """A fresh bucket."""
    swift_server.start()
    return BucketPlace(swift_server)


@pytest.fixture
def site(
    migrated_url: str, tmp_path: Path, bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation whose frames lie in the bucket; threads try again after 0.1 s."""
    monkeypatch.setattr(intake_thread, "RETRY_SEC", 0.1)
    use_bucket(monkeypatch, bucket.server.settings(bucket.bucket))
    installation = Installation(tmp_path, migrated_url)
    yield installation
    installation.close()


@pytest.fixture
def to_redis(redis_server: RedisServer) -> Iterator[ToRedis]:
    """A store that sends to a Redis."""
    redis_server.start()
    with closing(ToRedis(redis_server, f"events.{next(_numbers)}")) as sender:
        yield sender


@pytest.fixture
def to_rabbitmq(rabbitmq_server: RabbitmqServer) -> Iterator[ToRabbitmq]:
    """A store that sends to a RabbitMQ."""
    rabbitmq_server.start()
    with closing(ToRabbitmq(rabbitmq_server, f"events.{next(_numbers)}")) as sender:
        yield sender


@pytest.fixture(params=["to_redis", "to_rabbitmq"])
def sender(request: pytest.FixtureRequest) -> Any:
    """A store that sends to each kind of server."""
    return request.getfixturevalue(request.param)


@contextmanager
def _reading(
    site: Installation,
    sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
    record: Any = Recording.record,
) -> Iterator[None]:
    monkeypatch.setenv(f"{_VARIABLE}URL", sender.url)
    monkeypatch.setenv(f"{_VARIABLE}NAME", sender.name)
    runtime = site.open()
    reader = BucketEventReader(lambda: runtime, record)
    reader.start()
    try:
        yield
    finally:
        reader.stop()


def _keys(site: Installation) -> list[str]:
    return sorted(frame["key"] for frame in site.frames())


def _wait_until_read(caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    def read() -> bool:
        return sum(_READ in line.getMessage() for line in caplog.records) >= times

    wait_until(read, 10, "the events are read")


def test_events_are_taken_in_once_without_a_scan(
    site: Installation,
    bucket: BucketPlace,
    sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    for key in KEYS:
        bucket.put(key, jpeg(key))
    with _reading(site, sender, monkeypatch):
        _wait_until_read(caplog)
        sender.send_text("no JSON")
        sender.send_text("[7]")
        sender.send("others", KEYS[2])
        for key in (KEYS[0], KEYS[0], f"{TYPE}/门口1/none.jpg", "../1.jpg", KEYS[1]):
            sender.send(bucket.bucket, key)
        wait_until(lambda: _keys(site) == sorted(KEYS[:2]), 10, "recorded")
        wait_until(lambda: sender.waiting() == 0, 10, "all taken")
    assert sender.waiting() == 0, "acknowledged"
    ignored = [line.getMessage() for line in caplog.records if "are ignored" in line.getMessage()]
    assert sorted(ignored) == [
        "events of other buckets are ignored: count=1",
        "events that are no JSON are ignored: count=1",
    ]
    assert site.scan().new_frames == 1
    assert _keys(site) == sorted(KEYS)


def test_events_are_read_again_after_the_server_was_away(
    site: Installation,
    bucket: BucketPlace,
    sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    for key in KEYS:
        bucket.put(key, jpeg(key))
    with _reading(site, sender, monkeypatch):
        _wait_until_read(caplog)
        sender.send(bucket.bucket, KEYS[0])
        wait_until(lambda: _keys(site) == KEYS[:1], 10, "recorded")
        sender.server.stop()
        wait_until(lambda: "frames wait for the scan" in caplog.text, 20, "the outage is logged")
        sender.server.start()
        _wait_until_read(caplog, 2)
        sender.send(bucket.bucket, KEYS[1])
        wait_until(lambda: _keys(site) == sorted(KEYS[:2]), 20, "recorded again")
    assert "over after" in caplog.text


def test_frames_whose_recording_fails_are_sent_again_or_found_by_the_scan(
    site: Installation,
    bucket: BucketPlace,
    sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    bucket.put(KEYS[0], jpeg("a"))
    failures: list[int] = []

    def fail_once(recording: Recording, pictures: Sequence[Picture]) -> Sequence[NewFrame]:
        if not failures:
            failures.append(len(pictures))
            raise DatabaseUnavailableError
        return recording.record(pictures)

    with _reading(site, sender, monkeypatch, fail_once):
        _wait_until_read(caplog)
        sender.send(bucket.bucket, KEYS[0])
        _wait_until_read(caplog, 2)
        if isinstance(sender, ToRabbitmq):
            wait_until(lambda: _keys(site) == KEYS[:1], 10, "sent again")
    assert site.scan().new_frames == (0 if isinstance(sender, ToRabbitmq) else 1)
    assert (failures, _keys(site)) == ([1], KEYS[:1])


def test_frame_is_inferred_without_a_scan(
    site: Installation,
    bucket: BucketPlace,
    to_redis: ToRedis,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    monkeypatch.setenv(f"{_VARIABLE}URL", to_redis.url)
    monkeypatch.setenv(f"{_VARIABLE}NAME", to_redis.name)
    worker = WorkerProcess(app=None)
    worker._runtime = site.open()
    worker._serves = lambda task_type: True  # type: ignore[method-assign]
    worker.inference()
    worker.take_in_frames()
    try:
        bucket.put(KEYS[0], jpeg("a"))
        to_redis.send(bucket.bucket, KEYS[0])
        wait_until(lambda: site.count("done") == 1, 10, "inferred")
    finally:
        worker.close()
    assert algorithm.count == 1


def test_queue_of_an_operator_is_read_as_it_is(
    site: Installation,
    bucket: BucketPlace,
    rabbitmq_server: RabbitmqServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rabbitmq_server.start()
    sender = ToRabbitmq(rabbitmq_server, "own.queue", exchange="own.exchange")
    channel = sender.channel()
    channel.exchange_declare("own.exchange", "fanout", durable=True, auto_delete=False)
    channel.queue_declare("own.queue", durable=False, auto_delete=False)
    channel.queue_bind("own.queue", "own.exchange")
    channel.connection.close()
    bucket.put(KEYS[0], jpeg("a"))
    with _reading(site, sender, monkeypatch):
        sender.send(bucket.bucket, KEYS[0])
        wait_until(lambda: _keys(site) == KEYS[:1], 10, "recorded")
    sender.close()


def test_hash_of_the_namespace_format_is_reported_and_left_alone(
    site: Installation,
    to_redis: ToRedis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    to_redis.client.hset(to_redis.name, "frames/1.jpg", "{}")
    with _reading(site, to_redis, monkeypatch):
        wait_until(lambda: "WRONGTYPE" in caplog.text, 10, "reported")
    assert to_redis.client.hlen(to_redis.name) == 1


def test_only_the_newest_events_of_a_long_list_are_read(
    site: Installation,
    bucket: BucketPlace,
    to_redis: ToRedis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_sources, "_MOST_WAITING", 2)
    for key in KEYS:
        bucket.put(key, jpeg(key))
        to_redis.send(bucket.bucket, key)
    with _reading(site, to_redis, monkeypatch):
        wait_until(lambda: len(_keys(site)) == 2, 10, "recorded")
    assert _keys(site) == sorted(KEYS[1:])
    assert site.scan().new_frames == 1
