"""docs/performance.md and its picture come from the results, and nobody types their figures."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import page, report
from bench.benchmarks import BENCHMARKS, benchmark
from bench.growth import GRID, Size, growth_rows
from bench.picture import drawn
from bench.processes import ROOT

SVG = "{http://www.w3.org/2000/svg}"
_PART = re.compile(r"<!-- (\w+): .*?<!-- /\1 -->", re.DOTALL)


def results(*rows: dict[str, Any]) -> dict[str, Any]:
    """The content of a results file with these rows."""
    return {"at": "2026-11-24", "scale": "full", "environment": {}, "results": list(rows)}


def growth_results(cpu_ms: dict[Size, float]) -> dict[str, Any]:
    """Results in which only growth was measured."""
    rows = growth_rows(cpu_ms)
    return results(*(replace(row, benchmark="growth").as_json() for row in rows))


def test_page_and_picture_are_those_of_the_last_complete_run() -> None:
    latest = report.latest()
    text = page.PAGE.read_text(encoding="utf-8")
    renew = "python -m bench --draw"
    assert page.renewed(text, latest) == text, renew
    assert drawn(latest) == page.PICTURE.read_text(encoding="utf-8"), renew


def test_no_figure_of_the_page_is_typed_by_hand() -> None:
    typed = _PART.sub("", page.PAGE.read_text(encoding="utf-8"))
    assert not re.findall(r"[\d.,]+ ?(?:ms|µs|frames/s|MB)\b", typed)


def test_page_without_a_mark_is_an_error() -> None:
    with pytest.raises(ValueError, match="no mark"):
        page.renewed("a page", report.latest())


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_exists_and_is_explained(name: str) -> None:
    assert callable(benchmark(name))
    explained = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert f"\n| `{name}` |" in explained


SIZES = [size for axis in GRID.values() for size in axis]
LARGEST = Size(200, 50, 10_000)


def test_each_axis_compares_its_costliest_size_with_its_first() -> None:
    assert {row.verdict for row in growth_rows(dict.fromkeys(SIZES, 0.2))} == {"goal"}
    *alone, together = growth_rows(dict.fromkeys(SIZES, 0.2) | {LARGEST: 0.32})
    assert {row.verdict for row in alone} == {"goal"}
    assert together.measured == pytest.approx(1.6)
    assert together.verdict == "MISSED"
    assert str(LARGEST) in together.detail


def test_picture_has_a_bar_for_each_size_and_a_longer_bar_for_a_higher_cost() -> None:
    even = _bars(drawn(growth_results(dict.fromkeys(SIZES, 0.2))))
    assert len(even) == len(SIZES)
    assert len(set(even)) == 1
    uneven = _bars(drawn(growth_results(dict.fromkeys(SIZES, 0.2) | {LARGEST: 0.4})))
    assert uneven[-1] == pytest.approx(2 * uneven[-2], rel=0.01)


def test_picture_of_a_run_without_figures_is_still_a_picture() -> None:
    assert ElementTree.fromstring(drawn(results())).tag == f"{SVG}svg"


def _bars(picture: str) -> list[float]:
    _ground, *bars = ElementTree.fromstring(picture).iter(f"{SVG}rect")
    return [float(bar.attrib["width"]) for bar in bars]
