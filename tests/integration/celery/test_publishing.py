"""Beat and workers publish every settled alert once, also after an outage of the bus.

They start as ``celery -A easyai``, each with a hash seed of its own; other tests fork them.
"""

from __future__ import annotations

import json
import time
from typing import Any

import redis
from sqlalchemy import text

from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import Installation
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.services import RedisServer
from tests.support.waiting import wait_until

TYPE = "人数统计"
INTERVAL_SEC = 0.3


def test_two_workers_publish_each_alert_once_and_resume_when_the_bus_returns(
    make_installation: MakeInstallation, algorithm: AlgorithmStub, redis_server: RedisServer
) -> None:
    redis_server.start()
    redis_server.flush()
    installation = make_installation(forked=False)
    _use_bus(installation, redis_server.url)
    installation.register(algorithm, TYPE)
    workers = [installation.worker(), installation.worker()]
    installation.beat()
    for worker in workers:
        worker.ready()

    installation.add_frame(TYPE, "1")
    assert _ids(redis_server, 1) == [1]

    redis_server.stop()
    for number in range(2, 6):
        installation.add_frame(TYPE, str(number))
    wait_until(lambda: _waiting(installation) == 4, 20, "four alerts wait")
    complaint = "alerts wait for the bus (for 0 s): BusUnavailableError: Redis: ConnectionError"
    wait_until(lambda: any(complaint in worker.logs() for worker in workers), 10, complaint)
    redis_server.start()
    began = time.monotonic()
    assert _ids(redis_server, 4) == [2, 3, 4, 5]
    assert time.monotonic() - began < 5
    wait_until(lambda: _waiting(installation) == 0, 5, "all are marked")


def test_alerts_made_without_a_bus_are_not_sent_after_a_bus_is_configured(
    make_installation: MakeInstallation, algorithm: AlgorithmStub, redis_server: RedisServer
) -> None:
    redis_server.start()
    redis_server.flush()
    installation = make_installation(forked=False)
    installation.register(algorithm, TYPE)
    worker = installation.worker()
    installation.beat()
    worker.ready()
    installation.add_frame(TYPE, "1")
    _wait_for_alerts(installation, 1)
    assert _count(installation, "published_at = 0") == 1
    _use_bus(installation, redis_server.url)
    time_limit = time.monotonic() + 20
    number = 1
    # The worker reads changed settings within a second: earlier alerts are not for the bus.
    while _entries(redis_server) == [] and time.monotonic() < time_limit:
        number += 1
        installation.add_frame(TYPE, str(number))
        _wait_for_alerts(installation, number)
    assert 1 not in _ids(redis_server, 1)


def _use_bus(installation: Installation, url: str) -> None:
    bus = (
        f'mq_type = "redis"\nmq_address = "{url}"\nalert_batch_interval_sec = {INTERVAL_SEC}\n'
        "[frame_extractor]"
    )
    written = installation.config.read_text(encoding="utf-8")
    draft = installation.config.with_suffix(".draft")
    draft.write_text(written.replace("[frame_extractor]", bus), encoding="utf-8")
    draft.replace(installation.config)


def _ids(server: RedisServer, count: int) -> list[int]:
    return wait_until(
        lambda: found if len(found := _entries(server)) >= count else None,
        20,
        f"{count} alerts on the bus",
    )


def _entries(server: RedisServer) -> list[int]:
    with redis.Redis.from_url(server.url) as client:
        entries: Any = client.xrange("easyai.alerts")
    return [json.loads(entry[b"alert"])["id"] for _, entry in entries]


def _wait_for_alerts(installation: Installation, count: int) -> None:
    wait_until(lambda: _count(installation, "1 = 1") == count, 20, f"{count} alerts")


def _waiting(installation: Installation) -> int:
    return _count(installation, "published_at IS NULL")


def _count(installation: Installation, condition: str) -> int:
    with installation.runtime.db.read() as conn:
        found = conn.execute(text(f"SELECT count(*) FROM alerts WHERE {condition}"))
        count: int = found.scalar_one()
        return count
