"""Calls side by side: in a single thread, so many at once, each with its own result."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from easyai.system.side_by_side import READABLE, WRITABLE, SideBySide, alone, pause, wait
from tests.support.waiting import wait_until

_LIMIT_SEC = 10.0


class Line:
    """A pair of sockets: a call waits at the one, the test writes to the other."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()

    def wait(self, seconds: float = _LIMIT_SEC) -> bool:
        """Wait until the test has written."""
        return wait(self.ours.fileno(), READABLE, seconds)

    def write(self) -> None:
        """End the wait."""
        self.theirs.send(b"x")


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """Twenty lines."""
    opened = [Line() for _ in range(20)]
    yield opened
    for line in opened:
        line.ours.close()
        line.theirs.close()


def test_calls_of_a_thread_wait_at_the_same_time(lines: list[Line]) -> None:
    begun: list[Line] = []

    def call(line: Line) -> int:
        begun.append(line)
        if len(begun) == len(lines):
            for other in reversed(lines):
                other.write()
        assert line.wait()
        return threading.get_ident()

    assert SideBySide(20).map(call, lines) == [threading.get_ident()] * 20


def test_results_have_the_order_of_the_items(lines: list[Line]) -> None:
    ended: list[int] = []

    def call(number: int) -> int:
        if number == 19:
            lines[0].write()
        lines[number].wait()
        ended.append(number)
        if number < 19:
            lines[number + 1].write()
        return number

    assert SideBySide(20).map(call, range(19, -1, -1)) == list(range(19, -1, -1))
    assert ended == list(range(20))


def test_no_more_calls_run_than_there_are_places_for_all_threads() -> None:
    side_by_side, running, most = SideBySide(3), 0, 0

    def call(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        pause(0.002)
        running -= 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: side_by_side.map(call, range(20)), range(4)))
    assert most == 3


def test_thread_without_a_place_waits_for_the_calls_of_another(lines: list[Line]) -> None:
    side_by_side, ended = SideBySide(1), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(side_by_side.map, Line.wait, lines[:2])
        wait_until(lambda: not side_by_side._places._value, _LIMIT_SEC, "it has the place")
        second = threads.submit(side_by_side.map, lambda _: ended.set(), [0])
        before = time.process_time()
        assert not ended.wait(0.5)
        assert time.process_time() - before < 0.3
        for line in lines[:2]:
            line.write()
        assert first.result(_LIMIT_SEC) == [True, True]
        second.result(_LIMIT_SEC)
    assert ended.is_set()


def test_first_error_is_raised_when_all_calls_have_ended(lines: list[Line]) -> None:
    ended: list[int] = []

    def call(number: int) -> None:
        if number == 2:
            raise ValueError
        if number == 1:
            lines[0].write()
            lines[1].wait(0.1)
            raise KeyError
        lines[number].wait(0.2)
        ended.append(number)

    with pytest.raises(KeyError):
        SideBySide(2).map(call, range(5))
    assert sorted(ended) == [0, 3, 4]


def test_place_of_a_failed_call_is_free_again() -> None:
    side_by_side = SideBySide(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            side_by_side.map(lambda number: 1 // number, [0])
    assert side_by_side.map(lambda number: 1 // number, [1]) == [1]


def test_wait_ends_in_time_while_other_calls_go_on(lines: list[Line]) -> None:
    def call(line: Line) -> tuple[bool, float]:
        if line is lines[0]:
            return line.wait(0.3), time.monotonic() - began
        for _ in range(50):
            pause(0.01)
        return True, time.monotonic() - began

    began = time.monotonic()
    (in_time, late_sec), (_, other_sec) = SideBySide(2).map(call, lines[:2])
    assert not in_time
    assert 0.3 <= late_sec < other_sec


def test_pauses_pass_at_the_same_time() -> None:
    began = time.monotonic()
    SideBySide(50).map(lambda _: pause(0.2), range(50))
    assert 0.2 <= time.monotonic() - began < 5.0


def test_socket_is_ready_at_once_for_what_it_can_do(lines: list[Line]) -> None:
    def call(line: Line) -> bool:
        return wait(line.ours.fileno(), WRITABLE, 0.0)

    assert SideBySide(20).map(call, lines) == [True] * 20
    assert call(lines[0])
    assert not lines[0].wait(0.0)


def test_other_calls_wait_while_a_call_is_alone(lines: list[Line]) -> None:
    lock, ended = threading.Lock(), []

    def call(number: int) -> None:
        assert lock.acquire(timeout=5.0)
        with alone():
            pause(0.01)
            lines[number].wait(0.01)
            ended.append(number)
        lock.release()
        lines[number].wait(0.01)

    SideBySide(5).map(call, range(5))
    assert ended == list(range(5))


def test_calls_after_one_that_was_alone_wait_side_by_side_again(lines: list[Line]) -> None:
    def call(number: int) -> bool:
        with alone():
            pause(0.0)
        if number == 1:
            lines[0].write()
        return number == 1 or lines[0].wait()

    assert SideBySide(2).map(call, range(2)) == [True, True]


def test_no_call_begins_after_the_shut_down(lines: list[Line]) -> None:
    side_by_side, begun = SideBySide(1), []

    def call(line: Line) -> None:
        begun.append(line)
        line.write()
        line.wait()
        side_by_side.shut_down()

    with pytest.raises(CancelledError):
        side_by_side.map(call, lines)
    assert begun == lines[:1]


def test_map_of_nothing_is_empty() -> None:
    side_by_side = SideBySide(1)
    assert side_by_side.map(str, []) == []
    assert side_by_side.map(str, [1]) == ["1"]


def test_answer_that_came_while_another_call_worked_too_long_counts(lines: list[Line]) -> None:
    def call(number: int) -> bool:
        if number == 1:
            lines[1].write()
            lines[1].wait()
            lines[0].write()
            time.sleep(0.4)  # the thread works; the first call's time is over meanwhile
            return True
        return lines[0].wait(0.2)

    assert SideBySide(2).map(call, range(2)) == [True, True]
