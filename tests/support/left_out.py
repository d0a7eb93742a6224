"""Tests whose needs a machine does not meet: left out and listed, or failed where all must run.

All must run in CI, in the fault suite, whose report speaks for every fault, and on the container
engine, which was asked for: a suite that quietly leaves out PostgreSQL proves nothing about it.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Generator

import pytest

from tests.support.needs import MissingError

_SKIPPED = "Skipped: "  # pytest's own prefix of a reason


def _all_must_run(config: pytest.Config) -> bool:
    asked = any(config.getoption(name, default=False) for name in ("--faults", "--production"))
    return bool(os.environ.get("CI")) or asked


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a missing need into a skip, or any skip into a failure where all tests must run."""
    report = yield
    missing = call.excinfo is not None and call.excinfo.errisinstance(MissingError)
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if not (missing or skipped):
        return report
    reason = str(call.excinfo.value) if call.excinfo is not None else "skipped"
    if _all_must_run(item.config):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} must run here: {reason}"
    elif missing:
        line = item.location[1] or 0
        report.outcome, report.longrepr = "skipped", (str(item.path), line, _SKIPPED + reason)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the skipped tests and their reasons at the end, in place of pytest's short lines."""
    left_out = listed(terminalreporter.stats.get("skipped", []))
    if left_out:
        terminalreporter.section("not run")
        for line in left_out:
            terminalreporter.write_line(line)


def listed(skipped: list[pytest.TestReport]) -> list[str]:
    """For each reason how many tests were not run, then the files that they are in."""
    files: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        files[reason.removeprefix(_SKIPPED)][report.nodeid.partition("::")[0]] += 1
    lines = []
    for reason, found in sorted(files.items()):
        tests = "1 test" if found.total() == 1 else f"{found.total()} tests"
        lines.append(f"not run: {tests}: {reason}")
        lines += [f"    {count:4d} in {file}" for file, count in sorted(found.items())]
    return lines
