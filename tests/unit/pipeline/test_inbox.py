"""Answers wait for the next picture only while pictures come in one by one."""

from __future__ import annotations

from typing import Any, cast

import pytest

from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import inbox as inbox_module
from easyai.pipeline.answers import Answered
from easyai.pipeline.dispatcher import Dispatcher
from easyai.pipeline.inbox import Inbox
from easyai.pipeline.incoming import Incoming
from easyai.pipeline.picture_moves import CarriedOut

_UNUSED = cast(Any, None)


class _Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """A clock that stands still."""
    clock = _Clock()
    monkeypatch.setattr(inbox_module, "time", clock)
    return clock


def _answer(kind: CallResult = CallResult.INFERRED) -> Answered:
    return Answered(_UNUSED, _UNUSED, Verdict(kind))


def _incoming() -> Incoming:
    return Incoming(_UNUSED, ())


@pytest.mark.usefixtures("clock")
def test_answers_do_not_wait_while_no_picture_is_expected() -> None:
    inbox = Inbox()
    inbox.answered.append(_answer())
    assert inbox.hold_sec() == 0


def test_few_answers_wait_a_moment_after_a_picture_came_in(clock: _Clock) -> None:
    inbox = Inbox()
    inbox.take_in(_incoming())
    assert inbox.urgent
    inbox.take(10)
    inbox.answered.append(_answer())
    assert inbox.hold_sec() == pytest.approx(0.1)
    clock.now += 0.02
    inbox.answered.append(_answer())
    assert inbox.hold_sec() == pytest.approx(0.08)
    clock.now += 0.08
    assert inbox.hold_sec() == pytest.approx(0)
    inbox.take(10)
    clock.now += 1.0
    inbox.answered.append(_answer())
    assert inbox.hold_sec() == 0


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("answers", [[_answer()] * 8, [_answer(), _answer(CallResult.UNREACHABLE)]])
def test_many_answers_and_failures_do_not_wait(answers: list[Answered]) -> None:
    inbox = Inbox()
    inbox.take_in(_incoming())
    inbox.take(10)
    inbox.answered += answers
    assert inbox.hold_sec() == 0


@pytest.mark.usefixtures("clock")
def test_answers_do_not_wait_while_frames_wait_for_places_or_the_worker_stops() -> None:
    dispatcher = Dispatcher(_UNUSED)
    inbox, dispatcher._look = dispatcher._inbox, False
    inbox.take_in(_incoming())
    inbox.take(10)
    inbox.answered.append(_answer())
    assert not dispatcher._needs_transaction()
    dispatcher._crowded = ["t"]
    assert dispatcher._needs_transaction()
    dispatcher._crowded = []
    dispatcher.stop_leasing()
    assert dispatcher._needs_transaction()


@pytest.mark.usefixtures("clock")
def test_answers_moves_and_wakes_of_a_failed_transaction_are_taken_again() -> None:
    inbox, first, second = Inbox(), _answer(), _answer()
    inbox.answered.append(first)
    inbox.carried.add(CarriedOut(done={1: "a.jpg"}))
    inbox.rung.add("t")
    batch = inbox.take(10)
    inbox.answered.append(second)
    inbox.carried.add(CarriedOut(done={2: "b.jpg"}))
    inbox.rung.add("u")
    inbox.put_back(batch)
    again = inbox.take(10)
    assert [id(answer) for answer in again.answered] == [id(first), id(second)]
    assert again.carried.done == {1: "a.jpg", 2: "b.jpg"}
    assert again.rung == ["t", "u"]


@pytest.mark.usefixtures("clock")
def test_pictures_of_a_failed_transaction_are_refused_and_not_put_back() -> None:
    inbox, incoming = Inbox(), _incoming()
    inbox.take_in(incoming)
    inbox.answered.append(_answer())
    batch = inbox.take(10)
    inbox.put_back(batch)
    batch.refuse(ZeroDivisionError())
    assert (len(inbox.answered), inbox.urgent) == (1, False)
    with pytest.raises(ZeroDivisionError):
        incoming.recorded.result(0)
