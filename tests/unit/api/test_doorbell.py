"""Rings that make nobody wait."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from easyai.api.doorbell import BackgroundDoorbell
from tests.support.waiting import wait_until

LIMIT_SEC = 10.0


class SlowDoorbell:
    """Rings only after its broker has answered."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.started = threading.Event()
        self.rung: list[str] = []

    def ring_all(self, task_types: Iterable[str]) -> None:
        self.started.set()
        assert self.answered.wait(LIMIT_SEC)
        self.rung.extend(task_types)

    def close(self) -> None:
        """Nothing of its own to send."""


def test_ringing_returns_while_the_broker_still_hangs() -> None:
    slow = SlowDoorbell()
    doorbell = BackgroundDoorbell(slow)

    doorbell.ring_all(["人数统计"])
    assert slow.started.wait(LIMIT_SEC)
    for _ in range(3):
        doorbell.ring_all(["人脸"])
        doorbell.ring_all(["人数统计"])
    assert slow.rung == []
    slow.answered.set()

    wait_until(lambda: len(slow.rung) == 3, LIMIT_SEC, "all rings passed on")
    assert slow.rung == ["人数统计", "人脸", "人数统计"]
    doorbell.close()


def test_closing_passes_on_what_waits() -> None:
    slow = SlowDoorbell()
    slow.answered.set()
    doorbell = BackgroundDoorbell(slow)

    doorbell.ring_all(["a"])
    doorbell.ring_all(["b"])
    doorbell.close()

    assert slow.rung == ["a", "b"]
