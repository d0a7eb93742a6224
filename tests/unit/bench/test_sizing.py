"""The model of `bench.sizing` against real installations, as they were measured last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.sizing import page
from bench.sizing.__main__ import load, main
from bench.sizing.bottlenecks import Limits, bottlenecks, leasing_per_sec, workers_needed
from bench.sizing.fleet import Fleet, Measurement
from bench.sizing.measure import BASE, CHECKS
from bench.sizing.model import costs, estimate

WITHIN = 1.5
LARGE = Fleet(cameras=10_000, interval_sec=1, types=60, services=100, infer_ms=100, picture_kb=200)
_DOCS = Path(__file__).parents[3] / "docs" / "scaling.md"


@pytest.mark.parametrize("measured", load().checks, ids=lambda check: check.name)
def test_model_predicts_the_measured_throughput(measured: Measurement) -> None:
    off = page.differences(load(), measured)
    assert max(off.values()) <= WITHIN, off


def test_checks_differ_in_size_and_from_the_measurements_of_the_costs() -> None:
    checks = load().checks
    assert {check.name for check in checks} == set(CHECKS)
    assert not {check.fleet for check in checks} & set(BASE.values())
    for values in (
        {check.fleet.cameras for check in checks},
        {check.fleet.workers for check in checks},
        {check.fleet.types for check in checks},
    ):
        assert max(values) >= 4 * min(values)


def test_each_larger_input_costs_more() -> None:
    own, fleet = costs(load()), replace(LARGE, cameras=1_000, workers=4)
    before = estimate(own, fleet)
    for more in (
        replace(fleet, cameras=2_000),
        replace(fleet, interval_sec=0.5),
        replace(fleet, workers=8),
        replace(fleet, services=1_000),
    ):
        assert sum(estimate(own, more).cores.values()) > sum(before.cores.values())


def test_bottlenecks_of_ten_thousand_cameras_are_named_with_a_remedy() -> None:
    seen = load()
    fleet = replace(LARGE, workers=workers_needed(costs(seen), LARGE))
    found = bottlenecks(seen, fleet, Limits())
    assert [bottleneck.share for bottleneck in found] == sorted(
        (bottleneck.share for bottleneck in found), reverse=True
    )
    assert found[0].share > 1, "a single PostgreSQL leases no 10,000 frames a second"
    assert all(bottleneck.remedy and bottleneck.figures for bottleneck in found)


def test_proposed_workers_are_not_full() -> None:
    seen = load()
    fleet = replace(LARGE, cameras=1_000)
    fleet = replace(fleet, workers=workers_needed(costs(seen), fleet))
    (own,) = (
        bottleneck
        for bottleneck in bottlenecks(seen, fleet, Limits())
        if bottleneck.name == "workers"
    )
    assert own.share <= 1


def test_a_far_database_leases_less() -> None:
    near, far = (Limits(round_trip_ms=ms) for ms in (0.1, 200.0))
    assert leasing_per_sec(load(), far) < leasing_per_sec(load(), near) / 5


def test_page_shows_the_latest_measurement() -> None:
    text = _DOCS.read_text(encoding="utf-8")
    assert page.renewed(text, load()) == text, "run: python -m bench.sizing write"


def test_program_sizes_a_given_fleet() -> None:
    result = CliRunner().invoke(main, ["--cameras", "500", "--interval", "2"])
    assert result.exit_code == 0, result.output
    assert "250 frames/s" in result.output
    assert "full first" in result.output
