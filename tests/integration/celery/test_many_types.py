"""Hundreds of task types at once stall nothing, and unused types are forgotten."""

from __future__ import annotations

import time

from easyai.db import task_types
from easyai.pipeline import upkeep
from easyai.registry import registration, unregistration
from easyai.tasks.queues import queue_name
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import CeleryProcess, Installation, wait_for_frames
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.waiting import wait_until

REAL = "人数统计"
ODD = [
    "a,b",
    "a b",
    "Caf\u00e9",
    "TYPE",
    "type",
    "😀",
    "长" * 80,
    "x/y".replace("/", "%"),
]
DAY = 86_400.0


def _flood(installation: Installation, services: int, types: int) -> list[str]:
    names = []
    for service in range(services):
        own = [f"类型{service}-{number}" for number in range(types)]
        body = {"service_id": f"g{service}", "endpoint": f"http://127.0.0.1:9/{service}"}
        registration.register(installation.runtime, body | {"task_types": own})
        names += own
    return names


def _age(installation: Installation) -> None:
    with installation.runtime.db.write() as conn:
        conn.exec_driver_sql("UPDATE task_types SET seen_at = 1.0, framed_at = 0.0")


def _queues(installation: Installation, worker: CeleryProcess, count: int) -> set[str]:
    wait_until(lambda: len(installation.queues_of(worker)) == count, 60, f"{count} queues read")
    return installation.queues_of(worker)


def test_inference_continues_while_registrations_flood_a_worker_with_types(
    installation: Installation, algorithm: AlgorithmStub
) -> None:
    installation.register(algorithm, REAL)
    worker = installation.worker()
    installation.beat()
    installation.add_frame(REAL, "0")
    wait_for_frames(algorithm, 1, worker)
    names = _flood(installation, 15, 40)
    longest, number = 0.0, 0
    while len(installation.queues_of(worker)) < len(names) + 2:
        number += 1
        began = time.monotonic()
        installation.add_frame(REAL, str(number))
        wait_for_frames(algorithm, number + 1, worker)
        longest = max(longest, time.monotonic() - began)
    assert longest < 10
    worker.kill("SIGTERM")
    assert worker.process.returncode == 0
    successor = installation.worker()
    installation.add_frame(REAL, "restarted")
    wait_for_frames(algorithm, number + 2, successor)
    unregistration.clear_all(installation.runtime)
    installation.register(algorithm, REAL)
    installation.add_frame(REAL, "cleared")
    wait_for_frames(algorithm, number + 3, successor)


def test_queues_of_forgotten_types_end_and_return_with_their_types(
    installation: Installation, algorithm: AlgorithmStub
) -> None:
    installation.register(algorithm, REAL)
    worker = installation.worker()
    installation.beat()
    names = [*_flood(installation, 1, 190), *ODD]
    body = {"service_id": "odd", "endpoint": "http://127.0.0.1:9/odd", "task_types": ODD}
    registration.register(installation.runtime, body)
    every = {"easyai", queue_name(REAL), *map(queue_name, names)}
    assert len(every) == len(names) + 2
    assert _queues(installation, worker, len(every)) == every
    unregistration.clear_all(installation.runtime)
    installation.register(algorithm, REAL)
    _age(installation)
    assert upkeep.run(installation.runtime).task_types == len(names)
    assert _queues(installation, worker, 2) == {"easyai", queue_name(REAL)}
    # The types return by a frame, and by a registration.
    installation.register(algorithm, REAL, ODD[2])
    for name in (REAL, ODD[2]):
        installation.add_frame(name, "1")
    wait_for_frames(algorithm, 2, worker)
    assert _queues(installation, worker, 3) == {"easyai", queue_name(REAL), queue_name(ODD[2])}


def test_unread_rabbitmq_queue_of_a_forgotten_type_is_deleted(
    make_installation: MakeInstallation, algorithm: AlgorithmStub, rabbitmq_server: object
) -> None:
    rabbitmq_server.start()  # type: ignore[attr-defined]
    installation = make_installation(broker_url=rabbitmq_server.url)  # type: ignore[attr-defined]
    installation.register(algorithm, REAL)
    workers = [installation.worker(), installation.worker()]
    registration.register(
        installation.runtime,
        {"service_id": "s", "endpoint": "http://127.0.0.1:9/s", "task_types": ["gone", "去了"]},
    )
    for worker in workers:
        _queues(installation, worker, 4)
    unregistration.clear_all(installation.runtime)
    installation.register(algorithm, REAL)
    _age(installation)
    assert upkeep.run(installation.runtime).task_types == 2
    for worker in workers:
        _queues(installation, worker, 2)
        assert worker.status == "running"
    with installation.app.connection_for_read() as connection:
        wait_until(lambda: not _exists(connection, "infer.gone"), 20, "the queue is deleted")
        assert _exists(connection, queue_name(REAL))
    with installation.runtime.db.read() as conn:
        assert task_types.names(conn) == [REAL]
    installation.beat()
    installation.add_frame(REAL, "1")
    wait_for_frames(algorithm, 1, *workers)


def _exists(connection: object, name: str) -> bool:
    channel = connection.channel()  # type: ignore[attr-defined]
    try:
        channel.queue_declare(name, passive=True)
    except connection.channel_errors:  # type: ignore[attr-defined]
        return False
    channel.close()
    return True
