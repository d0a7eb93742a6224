"""A dispatcher settles apart from leasing only where transactions wait for each other."""

from __future__ import annotations

from typing import Any, cast

import pytest

from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline.answers import Answered
from easyai.pipeline.inbox import Inbox
from easyai.pipeline.turn_kinds import TurnKinds

_UNUSED = cast(Any, None)
_UNUSED_PICTURES = cast(Any, object())
BOTH, SETTLES, LEASES = "settles and leases", "settles", "leases"


class _Turns:
    """Turns of a dispatcher that always has an answer and always looks for frames."""

    def __init__(self) -> None:
        self.kinds = TurnKinds()
        self.inbox = Inbox()

    def play(self, *, waited: bool = False, committed: bool = True) -> str:
        self.inbox.answered.append(Answered(_UNUSED, _UNUSED, Verdict(CallResult.INFERRED)))
        leasing = self.kinds.leases(answers=True)
        batch = self.kinds.take(self.inbox, leasing=leasing)
        if committed:
            self.kinds.committed(could_lease=True, leased=leasing, waited=waited)
        else:
            self.inbox.put_back(batch)
        return (BOTH if batch.answered else LEASES) if leasing else SETTLES


@pytest.fixture
def turns() -> _Turns:
    """A new dispatcher's turns."""
    return _Turns()


def test_turns_settle_and_lease_in_one_transaction_while_none_waits(turns: _Turns) -> None:
    assert [turns.play() for _ in range(3)] == [BOTH] * 3


def test_turns_settle_apart_for_a_while_after_a_turn_has_waited(turns: _Turns) -> None:
    assert turns.play(waited=True) == BOTH
    assert [turns.play() for _ in range(18)] == [SETTLES, LEASES] * 8 + [BOTH] * 2


def test_turns_settle_apart_for_longer_if_a_further_turn_waits(turns: _Turns) -> None:
    turns.play(waited=True)
    assert [turns.play(waited=True) for _ in range(40)] == [SETTLES, LEASES] * 20


def test_turn_that_failed_is_played_again(turns: _Turns) -> None:
    turns.play(waited=True)
    assert [turns.play(committed=False), turns.play()] == [SETTLES, SETTLES]
    assert [turns.play(committed=False), turns.play()] == [LEASES, LEASES]


def test_wakes_and_new_pictures_go_to_the_turn_that_leases(turns: _Turns) -> None:
    turns.play(waited=True)
    assert turns.play() == SETTLES
    turns.inbox.rung.add("t")
    turns.inbox.take_in(_UNUSED_PICTURES)
    batch = turns.kinds.take(turns.inbox, leasing=turns.kinds.leases(answers=True))
    assert (batch.answered, batch.rung, batch.incoming) == ([], ["t"], _UNUSED_PICTURES)


def test_turn_that_was_kept_from_leasing_lets_answers_be_settled_next(turns: _Turns) -> None:
    turns.kinds.was_kept_waiting()
    assert [turns.play(), turns.play()] == [SETTLES, LEASES]
    assert turns.play() == SETTLES
    turns.kinds.was_kept_waiting()
    assert turns.play() == SETTLES


def test_turn_without_answers_leases_at_once_while_turns_settle_apart(turns: _Turns) -> None:
    turns.play(waited=True)
    assert turns.kinds.leases(answers=False)


def test_answers_are_settled_when_leasing_ends_after_a_turn_that_settled(turns: _Turns) -> None:
    turns.play(waited=True)
    assert turns.play() == SETTLES
    turns.inbox.answered.append(Answered(_UNUSED, _UNUSED, Verdict(CallResult.INFERRED)))
    assert turns.kinds.take(turns.inbox, leasing=False).answered


def test_turn_settles_first_after_an_internal_error(turns: _Turns) -> None:
    turns.kinds.settle_first()
    assert [turns.play() for _ in range(3)] == [SETTLES, LEASES, BOTH]


def test_answers_are_settled_one_by_one_after_an_internal_error(turns: _Turns) -> None:
    turns.inbox.answered += [Answered(_UNUSED, _UNUSED, Verdict(CallResult.INFERRED))] * 9
    turns.kinds.settle_one_by_one()
    sizes = []
    for _ in range(3):
        sizes.append(len(turns.kinds.take(turns.inbox, leasing=False).answered))
        turns.kinds.committed(could_lease=False, leased=False, waited=False)
    assert sizes == [1, 2, 4]
