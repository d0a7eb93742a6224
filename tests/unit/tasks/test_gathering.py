"""When the frames that came in go to the dispatcher together."""

from __future__ import annotations

import random

import pytest

from easyai.tasks.gathering import Gathering


class Turns:
    """What a watcher does with a Gathering, on a clock of its own."""

    def __init__(self, arrivals: list[float]) -> None:
        self._arrivals = arrivals
        self._read = 0
        self.waits: list[float] = []  # of each frame
        self.turns = 0

    def run(self) -> Turns:
        """Take all frames."""
        gathering, now = Gathering(), 0.0
        while len(self.waits) < len(self._arrivals):
            due = now + gathering.wait_sec(now)
            word = self._arrivals[self._read] if self._read < len(self._arrivals) else due
            if word <= due:
                now = max(now, word)
                now += gathering.pause_sec(now)
                new = [at for at in self._arrivals[self._read :] if at <= now]
                gathering.add([str(at) for at in new], now)
                self._read += len(new)
            else:
                now = due
            if keys := gathering.take(now):
                self.turns += 1
                self.waits += [now - float(key) for key in keys]
        return self


def _random(per_sec: float, seconds: float) -> list[float]:
    draw, at, arrivals = random.Random(7), 1.0, []
    while at < seconds:
        at += draw.expovariate(per_sec)
        arrivals.append(at)
    return arrivals


def test_frame_after_a_pause_goes_at_once() -> None:
    assert Turns([1.0, 2.0, 9.0]).run().waits == pytest.approx([0.003] * 3)


@pytest.mark.parametrize("per_sec", [2, 10])
def test_frames_of_a_low_rate_hardly_wait(per_sec: float) -> None:
    waits = sorted(Turns(_random(per_sec, 60)).run().waits)
    assert waits[len(waits) // 2] <= 0.004
    assert waits[-1] <= 0.05


@pytest.mark.parametrize("per_sec", [30, 300])
def test_half_of_the_frames_of_a_steady_rate_hardly_wait_and_no_frame_waits_long(
    per_sec: float,
) -> None:
    done = Turns(_random(per_sec, 60)).run()
    waits = sorted(done.waits)
    assert waits[len(waits) // 2] <= 0.0155
    assert waits[-1] <= 0.05


@pytest.mark.parametrize(("per_sec", "most"), [(30, 18), (300, 37), (3000, 37)])
def test_steady_rate_takes_few_transactions(per_sec: float, most: float) -> None:
    assert Turns(_random(per_sec, 30)).run().turns / 29 <= most


def test_key_that_is_named_twice_goes_once_and_waits_no_longer() -> None:
    gathering = Gathering()
    gathering.add([str(number) for number in range(20)], 1.0)
    assert len(gathering.take(1.0)) == 20
    assert gathering.pause_sec(1.1) == 0.003
    gathering.add(["a"], 1.1)
    assert gathering.take(1.1) == []
    wait = gathering.wait_sec(1.1)
    assert 0 < wait <= 0.045
    gathering.add(["a"], 1.12)
    assert gathering.take(1.1 + wait) == ["a"]
    assert gathering.take(9.0) == []
