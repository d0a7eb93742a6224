"""The soak's verdict: growth is found, a series that levels off after the warm-up is no growth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import report
from tests.soak.judgement import figures
from tests.support.reliability import PRODUCTION, SOAK, put_section, section, sections_of_others


def _verdict(name: str, values: list[float]) -> bool:
    (figure,) = figures([{name: value} for value in values])
    return figure.is_flat


def test_series_that_levels_off_after_the_warm_up_is_flat() -> None:
    assert _verdict("memory of worker, MB", [50.0 + min(n, 20) * 5 for n in range(60)])


def test_series_that_grows_all_the_time_is_not_flat() -> None:
    assert not _verdict("memory of worker, MB", [100.0 + n * 0.5 for n in range(60)])
    assert not _verdict("open files", [40.0 + n * 0.2 for n in range(60)])


@pytest.mark.parametrize("name", ["database without what it keeps, MB", "write-ahead log, MB"])
def test_database_that_doubles_or_gains_a_half_in_an_hour_is_not_flat(name: str) -> None:
    for grown in (4.4, 2.2):
        assert not _verdict(name, [4.4 + grown * n / 360 for n in range(360)])
    assert _verdict(name, [4.4 + 0.2 * (n % 2) for n in range(360)])


def test_too_few_samples_give_no_verdict() -> None:
    with pytest.raises(ValueError, match="too few"):
        figures([{"threads": 1.0}] * 5)


def test_soak_and_other_reports_keep_each_others_sections_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    faults, production = "# Reliability\n\nfaults\n", f"{PRODUCTION}\nservers\n"
    page.write_text(faults, encoding="utf-8")
    found = figures([{"threads": 7.0}] * 60)
    for count in (1, 2):
        text = report.section(
            found, minutes=60, every_sec=10, restarts=count, messages=3, written=1, settled_sec=2
        )
        put_section(page, SOAK, text)
        assert page.read_text(encoding="utf-8") == f"{faults}\n{text}"
        assert section(page, SOAK) == text
    put_section(page, PRODUCTION, production)
    put_section(page, SOAK, text)
    assert page.read_text(encoding="utf-8") == f"{faults}\n{production}\n{text}"
    assert sections_of_others(page) == f"{production}\n{text}"
    assert text.startswith(SOAK)
    assert "| threads | 7.0 | 7.0 | 7.0 |" in text
