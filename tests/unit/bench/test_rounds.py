"""The verdict of a comparison: by rate, and by CPU time where the machine is noisy."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.contest import EMBEDDED, Run
from bench.fleet import fleet_row
from bench.heartbeats import BeatRound, beat_row
from bench.live import LiveFleet, Outcome
from bench.others import own_cpu_seconds
from bench.report import Target
from bench.rounds import NOISE, Contender, compared

TARGET = Target("frames/s ÷ frames/s", 5, 10)
COUNT = 1_000


def contender(rates: list[float], cpu_ms: float, server_ms: float = 0.0) -> Contender:
    """A contender whose rounds had these rates, each frame at the same CPU time."""
    server = {"postgresql": server_ms * COUNT / 1000} if server_ms else {}
    runs = [Run(COUNT, COUNT / rate, cpu_ms * COUNT / 1000, server) for rate in rates]
    return Contender("side", EMBEDDED, COUNT, lambda _: runs[0], runs)


def test_quiet_machine_is_judged_by_the_median_ratio_of_rates() -> None:
    row = compared(TARGET, contender([900, 1_000, 1_050], 0.2), contender([100, 100, 100], 1.0))
    assert row.measured == pytest.approx(10)
    assert (row.figures["by"], row.verdict) == ("rate", "goal")
    assert "1,000/s at 0.20 ms CPU ÷ 100/s at 1.00 ms CPU" in row.detail


@pytest.mark.parametrize("noisy", ["ours", "theirs"])
def test_noisy_side_is_judged_by_cpu_and_the_row_says_so(noisy: str) -> None:
    rates = {"ours": [1_000.0, 1_000.0], "theirs": [100.0, 100.0]}
    rates[noisy][0] *= 1 + NOISE + 0.01
    row = compared(TARGET, contender(rates["ours"], 0.2), contender(rates["theirs"], 1.2))
    assert row.measured == pytest.approx(6)
    assert (row.figures["by"], row.verdict) == ("cpu", "fast enough")
    assert "by CPU a frame, because rates of a side differ by 21%" in row.detail


def test_single_round_beside_busy_programs_is_judged_by_cpu() -> None:
    sides = contender([1_000], 0.2), contender([100], 1.2)
    assert compared(TARGET, *sides).figures["by"] == "rate"
    sides[1].runs[0] = replace(sides[1].runs[0], others_cores=64.0)
    row = compared(TARGET, *sides)
    assert row.measured == pytest.approx(6)
    assert "by CPU a frame, because other programs took 64.00 cores (by rate 10.00)" in row.detail


def test_cpu_of_a_frame_includes_the_servers() -> None:
    ours, theirs = contender([100, 150], 0.2, server_ms=0.3), contender([100, 150], 1.0, 0.5)
    row = compared(TARGET, ours, theirs)
    assert row.measured == pytest.approx(3)
    assert row.figures["contenders"][0]["postgresql_cpu_ms"] == [0.3, 0.3]


def test_rounds_of_heartbeats_that_differ_are_judged_by_cpu_of_the_api() -> None:
    def beats(*counts: int, others: float = 0.0) -> list[BeatRound]:
        return [BeatRound(count, 1.0, count * 0.0004, 0.01, 20.0, others) for count in counts]

    assert beat_row(beats(1_500, 1_600)).measured == pytest.approx(1_550)
    noisy = beat_row(beats(500, 1_600))
    assert noisy.measured == pytest.approx(2_500)
    assert "because rates differ by 220%" in noisy.detail
    assert beat_row(beats(500, 500, others=64.0)).measured == pytest.approx(2_500)


@pytest.mark.parametrize(
    ("others_cores", "measured", "words"),
    [(0.0, 9.0, "seconds from the last"), (64.0, 0.25, "cores needed ÷ cores (noisy machine)")],
)
def test_fleet_is_judged_by_the_cores_it_needs_where_others_take_them(
    others_cores: float, measured: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    outcome = Outcome(9.0, 0.3, 0.5, 1.0, 9.0, others_cores)
    row = fleet_row("1,000 cameras", LiveFleet(cameras=1_000), outcome)
    assert row.measured == pytest.approx(measured)
    assert words in row.target.title


def test_cpu_of_the_bench_includes_children_that_ended() -> None:
    before = own_cpu_seconds()
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert own_cpu_seconds() - before >= 0.28
