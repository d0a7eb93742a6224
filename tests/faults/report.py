"""docs/reliability.md, written from the measurements of the suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.trial import ALWAYS, SHORT
from tests.support.reliability import rounded_up, sections_of_others

_HEAD = """# Reliability

`make faults` writes this page; do not edit it. For each fault below, a real installation infers
the frames of a steady camera while the test kills processes, stops servers, fills disks or moves
clocks. After each fault the test checks from outside, in the store, in the database and in the
requests that the algorithm services received, that

- every frame has exactly one fate, the fate that its algorithm's answer demands;
- alerts match the answers one to one, with the same count, each with its picture;
- no more frames were in flight than the limits allow, at each service and in total;
- inference resumed by itself, within the limit after the fault ended;
- where an alarm is named, people got the alarm, its cause and its end through a webhook;
- no process was left after the stop.

*Embedded* is `easyai up` (SQLite, files as broker). *Production* runs every part separately on
PostgreSQL and Redis, or on RabbitMQ where the fault names it. The machine has two cores and runs
four trials at a time, so an installation alone is faster. Times are rounded up. Some settings
are shorter than their defaults, which would only lengthen the wait; trials "at default times"
keep the defaults, and calls have the default 30 s where workers are held:

```toml
"""

_MIDDLE = """```

| column | |
|---|---|
| frames, alerts | frames written during the trial, and how many of them became alerts |
| resumed | from the end of the fault to the first result of work begun after it; the longest time where the fault was repeated (×) |
| limit | of this time: a longer time fails the test |
| alarm after | from the start of the fault until people had the alarm |
| over after | from the end of the fault until people had the message that the alarm is over; `clock_jump` is over after a steady minute, which only one trial waits for |
"""  # noqa: E501 - a table

_GROUPS = {
    "test_services": "Algorithm services",
    "test_processes": "Processes",
    "test_brokers": "Broker",
    "test_databases": "Database",
    "test_stores": "Store and disk",
    "test_versions": "Names written again and again",
    "test_stale_listings": "Listings of a bucket",
    "test_clock": "Clock",
    "test_clocks_apart": "Clocks apart",
    "test_storms": "Much at once",
    "test_many_types": "Many task types",
    "test_migration": "Upgrade",
}
_TABLE = """
| fault | installation | frames | alerts | resumed | limit | alarm | alarm after | over after |
|---|---|--:|--:|--:|--:|---|--:|--:|
"""


def write(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the report; figures are rounded, so that they change little from run to run."""
    groups = [_group(title, _of(outcomes, name)) for name, title in _GROUPS.items()]
    text = _HEAD + (ALWAYS + SHORT).lstrip() + _MIDDLE + "".join(groups)
    others = sections_of_others(path)
    path.write_text(f"{text}\n{others}" if others else text, encoding="utf-8")


def _of(outcomes: Iterable[Outcome], group: str) -> list[Outcome]:
    own = [outcome for outcome in outcomes if outcome.group == group]
    return sorted(own, key=lambda outcome: (outcome.fault, outcome.installation))


def _group(title: str, outcomes: Sequence[Outcome]) -> str:
    rows = "".join(_row(outcome) for outcome in outcomes)
    return f"\n## {title}\n{_TABLE}{rows}" if outcomes else ""


def _row(outcome: Outcome) -> str:
    cells = [
        f"{outcome.fault} (×{outcome.times})" if outcome.times > 1 else outcome.fault,
        outcome.installation,
        _rounded(outcome.put_in),
        _rounded(outcome.alerts),
        rounded_up(outcome.resumed_sec),
        _limit(outcome.resume_limit_sec),
        f"{outcome.alarm}: “{outcome.cause}”" if outcome.cause else outcome.alarm,
        rounded_up(outcome.alarm_after_sec),
        rounded_up(outcome.alarm_over_sec),
    ]
    return f"| {' | '.join(cells)} |\n"


def _rounded(count: int) -> str:
    """A single digit is enough, and changes less."""
    step = 10 ** (len(str(count)) - 1)
    return f"{round(count / step) * step:,}"


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:g} s"
