"""Any number of beats may run: a single beat leads, and a standby replaces it when it dies."""

from __future__ import annotations

import json
from typing import Any

from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.tasks.config import SCAN_TASK
from tests.integration.celery.conftest import MakeInstallation
from tests.integration.celery.installation import CeleryProcess, Installation
from tests.support.waiting import wait_until

INTERVAL_SEC = 0.25


def test_standby_beat_takes_over_when_the_leading_beat_is_killed(
    make_installation: MakeInstallation,
) -> None:
    installation = make_installation(scan_interval_sec=INTERVAL_SEC)
    assert installation.runtime
    leader = installation.beat()
    wait_until(lambda: _ticks(installation), 20, "the first beat ticks")
    standby = installation.beat()
    wait_until(lambda: "stands by" in standby.logs(), 20, "the second beat stands by")
    _wait_for_ticks_of(installation, leader, 8)
    leader.kill()
    ended = len(_ticks(installation))
    wait_until(lambda: len(_ticks(installation)) > ended + 4, 15, "the other beat takes over")
    senders = [sender for sender, _ in _ticks(installation)]
    assert senders == sorted(senders, key=[_pid(leader), _pid(standby)].index)
    _assert_rhythm([at for sender, at in _ticks(installation) if sender == _pid(leader)])


def test_standby_beat_takes_over_at_once_when_the_leader_stops_in_order(
    make_installation: MakeInstallation,
) -> None:
    installation = make_installation(scan_interval_sec=INTERVAL_SEC)
    assert installation.runtime
    first = installation.beat()
    wait_until(lambda: _ticks(installation), 20, "the first beat ticks")
    second = installation.beat()
    wait_until(lambda: "stands by" in second.logs(), 20, "the second beat stands by")
    first.kill("SIGTERM")
    assert first.process.returncode == 0
    _wait_for_ticks_of(installation, second, 1, limit_sec=4.0)


def _wait_for_ticks_of(
    installation: Installation, beat: CeleryProcess, count: int, limit_sec: float = 10.0
) -> None:
    def enough() -> bool:
        return [sender for sender, _ in _ticks(installation)].count(_pid(beat)) >= count

    wait_until(enough, limit_sec, f"{count} ticks\n{beat.logs()}")


def _ticks(installation: Installation) -> list[tuple[int, float]]:
    """The scan messages in the queue: process id of the sender, and time."""
    folder = installation.folder / "data" / "broker" / "queue"
    paths = sorted(folder.glob(f"*.{CONTROL_QUEUE}.msg"))
    messages: list[tuple[Any, float]] = [
        (json.loads(path.read_text())["headers"], int(path.name.split("_")[0]) / 1e9)
        for path in paths
    ]
    scans = [(headers, at) for headers, at in messages if headers["task"] == SCAN_TASK]
    return [(int(headers["origin"][3:].split("@")[0]), at) for headers, at in scans]


def _pid(beat: CeleryProcess) -> int:
    return beat.process.pid


def _assert_rhythm(times: list[float]) -> None:
    # Two ticking beats would make twice as many; a machine that stumbles makes fewer.
    most = (times[-1] - times[0]) / INTERVAL_SEC + 2
    assert len(times) <= most
