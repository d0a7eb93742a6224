"""Scans and sweeps keep their interval however busy inference is."""

from __future__ import annotations

import os
import time
from itertools import pairwise

import pytest
from sqlalchemy import text

from easyai.broker.queue_names import CONTROL_QUEUE
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import Installation
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import JPEG
from tests.support.waiting import wait_until

TYPES = [f"type-{number:03d}" for number in range(200)]
FRAMES = 10  # of each type
SCAN_INTERVAL_SEC = 2.0  # three intervals are long even if other programs take the cores
WATCHED_SEC = 3.5 * SCAN_INTERVAL_SEC


def _fill(installation: Installation) -> None:
    frames, picture = installation.folder / "frames", installation.folder / "picture.jpg"
    picture.write_bytes(JPEG)  # outside: a watched picture would be moved before it is linked
    for name in TYPES:
        camera = frames / name / "门口1"
        camera.mkdir(parents=True, exist_ok=True)
        for number in range(FRAMES):
            os.link(picture, camera / f"{number}.jpg")


def _scanned_at(installation: Installation) -> float:
    with installation.runtime.db.read() as conn:
        found = conn.execute(text("SELECT done_at FROM process_leases WHERE name = 'scan'"))
        return float(found.scalar() or 0.0)


def _waiting_ticks(installation: Installation) -> int:
    with installation.app.connection_for_read() as connection:
        count: int = connection.default_channel.queue_declare(
            CONTROL_QUEUE, durable=True, auto_delete=False
        ).message_count
        return count


@pytest.mark.parametrize("broker", ["filesystem", "redis"])
def test_scans_keep_their_interval_with_one_thread_and_200_busy_types(
    make_installation: MakeInstallation,
    algorithm: AlgorithmStub,
    request: pytest.FixtureRequest,
    broker: str,
) -> None:
    url = request.getfixturevalue("redis_url") if broker == "redis" else ""
    installation = make_installation(broker_url=url, scan_interval_sec=SCAN_INTERVAL_SEC)
    algorithm.delay = 1.0  # 100 calls at once: at most 100 frames a second
    installation.register(algorithm, *TYPES)
    worker = installation.worker("-c", "1")
    worker.ready()
    installation.beat()
    _fill(installation)
    wait_until(lambda: algorithm.count > 100, 60, "inference is busy")
    # The frames came in by the watched folder, perhaps before the first scan.
    wait_until(lambda: _scanned_at(installation) > 0, 10, "a scan ended")
    began, scans, longest = time.monotonic(), [_scanned_at(installation)], 0
    seen_at = began
    while time.monotonic() - began < WATCHED_SEC:
        at = _scanned_at(installation)
        if at != scans[-1]:
            scans.append(at)
            seen_at = time.monotonic()
        longest = max(longest, _waiting_ticks(installation))
        time.sleep(0.05)
    # The gap still open at the end counts too: scans may have stopped for good.
    gaps = [*(after - before for before, after in pairwise(scans)), time.monotonic() - seen_at]
    assert len(scans) > 1, worker.logs()
    assert max(gaps) < 3 * SCAN_INTERVAL_SEC, f"{gaps}\n{worker.logs()}"
    assert longest <= 5, f"{longest} ticks wait in the queue {CONTROL_QUEUE}"
    served = {call.frame["task_type"] for call in algorithm.received}
    assert len(served) > 150, "and every type gets its turns"
