"""A line whose reason lasts is logged at once, then seldom, with the suppressed number."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from easyai.system import log_throttle
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger("test")


class Clock:
    """The monotonic clock, which stands still."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In place of the real clock."""
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def test_the_first_line_is_due_at_once_and_the_next_after_the_interval(clock: Clock) -> None:
    throttle = LogThrottle(60.0)
    assert throttle.due() == 1
    clock.now += 59.9
    assert throttle.due() == 0
    clock.now += 0.1
    assert throttle.due() == 2


def test_line_reports_the_sum_of_suppressed_events(clock: Clock) -> None:
    throttle = LogThrottle(10.0)
    assert throttle.due(count=5) == 5
    assert throttle.due(count=7) == throttle.due(count=1) == 0
    clock.now += 10.0
    assert throttle.due(count=0) == 8


def test_empty_report_logs_no_line_and_begins_no_interval(clock: Clock) -> None:
    throttle = LogThrottle(10.0)
    assert throttle.due(count=0) == 0
    assert throttle.wait_sec() == 0.0
    assert throttle.due(count=3) == 3
    clock.now += 10.0
    assert throttle.due(count=0) == 0
    assert throttle.due(count=2) == 2


def test_each_kind_has_an_interval_of_its_own(clock: Clock) -> None:
    throttle = LogThrottle(60.0)
    assert throttle.due("人脸") == 1
    clock.now += 20.0
    assert throttle.due("人数统计") == 1
    assert (throttle.wait_sec("人脸"), throttle.wait_sec("人数统计")) == (40.0, 60.0)
    clock.now += 40.0
    assert (throttle.due("人脸"), throttle.due("人数统计")) == (1, 0)


def test_after_the_reason_is_gone_the_next_line_is_due_at_once(clock: Clock) -> None:
    throttle = LogThrottle(60.0)
    assert not throttle.over()
    assert throttle.due() == 1
    assert throttle.due() == 0
    assert throttle.over()
    assert not throttle.over()
    assert throttle.due() == 1


def test_kinds_without_a_line_for_an_hour_are_forgotten(clock: Clock) -> None:
    throttle = LogThrottle(60.0)
    for number in range(100):
        throttle.due(number)
    clock.now += 3601.0
    throttle.due("another")
    assert set(throttle._lines) == {"another"}


def test_a_kind_is_remembered_for_its_whole_interval(clock: Clock) -> None:
    throttle = LogThrottle(86_400.0)
    throttle.due("a")
    clock.now += 86_000.0
    throttle.due("b")
    assert throttle.due("a") == 0


def test_endless_kinds_take_bounded_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_throttle, "_MOST", 10)
    throttle = LogThrottle(60.0)
    for number in range(100):
        assert throttle.due(number) == 1
    assert set(throttle._lines) == set(range(90, 100))


def test_warning_has_the_number_of_suppressed_lines(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = LogThrottle(60.0)
    for client in ("a", "b", "c"):
        throttle.warning(log, "refused: client=%s", client)
    throttle.warning(log, "another: client=%s", "z", kind="another")
    clock.now += 60.0
    throttle.warning(log, "refused: client=%s", "d")
    assert caplog.messages == [
        "refused: client=a",
        "another: client=z",
        "refused: client=d (and 2 more)",
    ]


def test_concurrent_reports_of_threads_make_a_single_line() -> None:
    throttle, begin = LogThrottle(60.0), threading.Barrier(8)
    lines: list[int] = []

    def report() -> None:
        begin.wait(10)
        lines.extend(throttle.due() for _ in range(500))

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(bool, lines)) == 1
    assert throttle._lines[None].left_out == 8 * 500 - 1
