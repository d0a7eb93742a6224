"""A single-threaded worker, 200 busy types, a backlog: scans and live frames stay in time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import easyai
from tests.faults.camera import Camera
from tests.faults.ledger_view import LedgerView
from tests.faults.rhythm import SCAN_SEC, Rhythm
from tests.integration.celery.installation import Installation
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.services import RabbitmqServer, RedisServer
from tests.support.waiting import wait_until

TYPES = [f"type-{number:03d}" for number in range(200)]
BACKLOG = 50_000
SEEN_SEC = 15.0  # the promise is two; other trials share the two cores
WATCHED_SEC = 12.0  # before and after an operator tries to limit the rate of wakes


@pytest.fixture(params=["filesystem", "redis", "rabbitmq"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Celery's processes on each kind of broker."""
    url = ""
    if request.param != "filesystem":
        server: RedisServer | RabbitmqServer
        server = request.getfixturevalue(f"{request.param}_server")
        server.start()
        url = server.url
    made = Installation(tmp_path, broker_url=url, scan_interval_sec=SCAN_SEC)
    yield made
    made.close()


@pytest.mark.faults
def test_scans_and_sweeps_keep_their_intervals_beside_fifty_thousand_waiting_frames(
    installation: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.delay = 1.0  # 100 at once: it takes no more than 100 a second
    installation.register(algorithm, *TYPES)
    _fill(installation)
    worker = installation.worker("-c", "1")
    worker.ready()
    installation.beat()
    wait_until(lambda: algorithm.count > 100, 60, "inference is busy")
    ledger = LedgerView(installation.settings.easyai.effective_database_url)
    live = Camera(installation.folder / "frames", [TYPES[0]], cameras=1, rate=2.0)
    with installation.depth() as depth, Rhythm(ledger, depth), live:
        time.sleep(WATCHED_SEC)
        assert 'rate_limit = "6/m"' in _limit_rate(installation)
        time.sleep(WATCHED_SEC)
        live.stop()
        time.sleep(SEEN_SEC)
    seen = ledger.seen_after_sec(live.keys)
    assert len(seen) == len(live.keys)
    assert max(seen) <= SEEN_SEC, f"live frames were seen after up to {max(seen):.1f} s"


def _fill(installation: Installation) -> None:
    """A backlog of hard links: no file system allows so many to a single picture."""
    frames = installation.folder / "frames"
    for number, name in enumerate(TYPES):
        if number % 10 == 0:
            installation.add_frame(name, "first")
            picture = frames / name / "门口1" / "first.jpg"
        camera = frames / name / "门口2"
        camera.mkdir(parents=True, exist_ok=True)
        for frame in range(BACKLOG // len(TYPES)):
            os.link(picture, camera / f"{frame:04d}.jpg")


def _limit_rate(installation: Installation) -> str:
    """The log line for an operator who limits the rate of wakes."""
    command = [sys.executable, "-m", "celery", "-A", "easyai", "control", "rate_limit"]
    own = {
        "EASYAI_CONFIG": str(installation.config),
        "PYTHONPATH": str(Path(easyai.__file__).parents[1]),
    }
    answer = subprocess.run(
        [*command, "easyai.infer", "6/m", "--timeout", "10"],
        cwd=installation.folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return answer.stdout + answer.stderr
