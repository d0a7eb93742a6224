"""The log has a line a type in ten seconds, with the words that operators search for."""

from __future__ import annotations

import logging

import pytest

from easyai.domain.reason import quoted
from easyai.pipeline import frame_log
from easyai.pipeline.frame_log import EVERY_SEC, Counts, Tally
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.settle import OfType, Settled
from easyai.system import log_throttle


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Clock:
    """The clock of `Tally`; everything is logged."""
    caplog.set_level(logging.INFO)
    made = Clock()
    for module in (frame_log, log_throttle):
        monkeypatch.setattr(module, "time", made)
    return made


def _batch(tally: Tally, *types: str) -> None:
    for name in types:
        tally._add(name, Counts(frames=4))
        tally.log()
        tally.settled(Settled(types={name: OfType(finished=3, alerts=1, returned=1)}))
        tally.log()


def test_batches_are_logged_as_a_single_line_per_type_in_ten_seconds(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Tally()
    for _ in range(40):  # four batches a second
        _batch(tally, "人数统计", "人脸")
        clock.now += 0.25
    assert [len(caplog.records), *{record.levelname for record in caplog.records}] == [2, "INFO"]
    clock.now += EVERY_SEC
    tally.log()
    lines = [record.message for record in caplog.records[2:]]
    assert lines == [
        f"scheduling inference: task_type={name} frames=156; "
        f"inference completed: task_type={name} finished=120 alerts=40 returned=40 late=0"
        for name in ("人数统计", "人脸")
    ]


def test_first_log_line_of_a_type_comes_at_once_and_later_lines_when_due(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Tally()
    assert tally.log_in_sec() is None
    _batch(tally, "人数统计")
    assert [record.message for record in caplog.records] == [
        "scheduling inference: task_type=人数统计 frames=4"
    ]
    clock.now += 4
    assert tally.log_in_sec() == pytest.approx(EVERY_SEC - 4)
    tally.log(at_once=True)  # at the end of the process
    assert caplog.records[-1].message.startswith(
        "inference completed: task_type=人数统计 finished=3"
    )
    assert tally.log_in_sec() is None


def test_pictures_that_cannot_be_moved_are_logged_once_in_ten_seconds(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Tally()
    for _ in range(9):
        tally.carried(CarriedOut(failed=1, reason=quoted("disk full")))
        tally.log()
        clock.now += 1
    assert len(caplog.records) == 1


def test_due_log_line_is_written_although_no_new_batch_comes(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Tally()
    _batch(tally, "人数统计")
    tally.carried(CarriedOut(failed=1, reason=quoted("disk full")))
    tally.log()
    clock.now += 3
    tally.carried(CarriedOut(failed=2, reason=quoted("disk full")))
    _batch(tally, "人脸")
    assert len(caplog.records) == 3
    clock.now += EVERY_SEC - 3
    tally.log()
    assert [record.message.partition(":")[0] for record in caplog.records[3:]] == [
        "pictures not moved or deleted yet, the sweep tries again",
        "inference completed",
    ]
    clock.now += 3
    tally.log()
    assert caplog.records[-1].message.startswith("inference completed: task_type=人脸")
    assert tally.log_in_sec() is None


def test_pictures_that_cannot_be_moved_are_logged_at_the_end_too(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Tally()
    for _ in range(2):
        tally.carried(CarriedOut(failed=1, reason=quoted("disk full")))
        tally.log()
    assert len(caplog.records) == 1
    tally.log(at_once=True)
    assert len(caplog.records) == 2
