"""A ring never blocks its caller, and is given up where it cannot be sent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from easyai.tasks import doorbell as module
from easyai.tasks.doorbell import CeleryDoorbell
from tests.support.waiting import wait_until

LIMIT_SEC = 10.0


class Site:
    """Stands for broker and database; each may hang until it answers, or fail."""

    def __init__(self) -> None:
        self.broker, self.database = threading.Event(), threading.Event()
        self.broker.set()
        self.database.set()
        self.asked = threading.Event()  # the broker was
        self.broker_error: Exception | None = None
        self.database_error: Exception | None = None
        self.sent: list[str] = []
        self.claimed: list[list[str]] = []
        self.answered: list[str] = []
        self.closed = threading.Event()

    def publish(self, task_type: str) -> None:
        """The publisher's method."""
        self.asked.set()
        assert self.broker.wait(LIMIT_SEC)
        if self.broker_error is not None:
            raise self.broker_error
        self.sent.append(task_type)

    def close(self) -> None:
        """The publisher's method."""
        self.closed.set()

    def write(self, *, lasting: bool) -> Any:
        """The database's method; a wake need not outlive a power cut."""
        assert not lasting
        assert self.database.wait(LIMIT_SEC)
        if self.database_error is not None:
            raise self.database_error
        return nullcontext()

    def claim(self, _conn: None, names: list[str], *_: float) -> list[str]:
        """In place of the SQL."""
        self.claimed.append(names)
        return names

    def answer(self, _conn: None, names: list[str]) -> None:
        """In place of the SQL."""
        self.answered += names


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """In place of broker and database."""
    made = Site()
    monkeypatch.setattr(module, "Publisher", lambda *_: made)
    monkeypatch.setattr(module, "wakes", made)
    monkeypatch.setattr(module, "clock", SimpleNamespace(now=lambda _: 0.0))
    return made


@pytest.fixture
def doorbell(site: Site) -> Iterator[CeleryDoorbell]:
    """Rings at the site."""
    database: Any = site
    made = CeleryDoorbell(lambda: database, Celery(set_as_current=False))
    yield made
    site.broker.set()
    site.database.set()
    made.close()


def test_ringing_returns_while_the_broker_hangs_and_types_that_wait_are_sent_once(
    site: Site, doorbell: CeleryDoorbell
) -> None:
    site.broker.clear()
    doorbell.ring_all(["人数统计"])
    assert site.asked.wait(LIMIT_SEC)
    for _ in range(3):
        doorbell.ring_all(["人脸"])
        doorbell.ring_all(["人数统计"])
    assert site.sent == []
    site.broker.set()
    assert doorbell.flush(LIMIT_SEC)
    assert site.sent == ["人数统计", "人数统计", "人脸"]
    assert site.claimed == [["人数统计"], ["人数统计", "人脸"]]


def test_ringing_returns_while_the_database_hangs(site: Site, doorbell: CeleryDoorbell) -> None:
    site.database.clear()
    doorbell.ring_all(["a"])
    doorbell.ring_all(["b"])
    assert not doorbell.flush(0.05)
    site.database.set()
    assert doorbell.flush(LIMIT_SEC)
    assert site.sent == ["a", "b"]


def test_close_sends_waiting_types_and_closes_the_connection(
    site: Site, doorbell: CeleryDoorbell
) -> None:
    doorbell.ring_all(["b", "a"])
    doorbell.close()
    assert site.sent == ["a", "b"]
    assert site.closed.wait(LIMIT_SEC)


def test_closing_waits_a_moment_only_for_a_broker_that_hangs(
    site: Site, doorbell: CeleryDoorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLOSE_SEC", 0.05)
    site.broker.clear()
    doorbell.ring_all(["a"])
    began = time.monotonic()
    doorbell.close()
    assert time.monotonic() - began < 5
    assert not site.closed.is_set()


def test_a_doorbell_that_never_rang_closes_at_once(site: Site, doorbell: CeleryDoorbell) -> None:
    doorbell.ring_all([])
    doorbell.close()
    assert site.claimed == []


def test_failing_broker_costs_a_single_attempt_and_returns_all_claims(
    site: Site, doorbell: CeleryDoorbell, caplog: pytest.LogCaptureFixture
) -> None:
    site.broker_error = OSError("away")
    doorbell.ring_all(["a", "b", "c"])
    assert doorbell.flush(LIMIT_SEC)
    assert site.answered == ["a", "b", "c"]
    assert len([line for line in caplog.messages if "broker does not answer" in line]) == 1
    site.broker_error = None
    doorbell.ring_all(["a"])
    wait_until(lambda: site.sent == ["a"], LIMIT_SEC, "the next ring is sent")


def test_a_ring_without_a_database_is_given_up_with_a_line_that_names_the_types(
    site: Site, doorbell: CeleryDoorbell, caplog: pytest.LogCaptureFixture
) -> None:
    site.database_error = OSError("away")
    with caplog.at_level(logging.WARNING):
        doorbell.ring_all([f"t{number}" for number in range(9)])
        assert doorbell.flush(LIMIT_SEC)
    assert caplog.messages == [
        "no ring for t0, t1, t2, t3, t4…, the next scan rings again: away",
    ]
    site.database_error = None
    doorbell.ring_all(["a"])
    assert doorbell.flush(LIMIT_SEC)
    assert site.sent == ["a"]
