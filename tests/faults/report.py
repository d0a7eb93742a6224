"""docs/reliability.md, written from what the suite measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.trial import ALWAYS, SHORT
from tests.support.reliability import rounded_up, sections_of_others

_HEAD = """# Reliability

Written by `make faults`, not by hand. For each fault below a real installation works on a steady
camera's frames while something is broken: processes are killed, servers stopped, disks filled,
clocks moved. After each it is checked from outside, in the store, the database and in what the
algorithm services received, that

- every frame that was put in has exactly one fate: the one its algorithm's answer asks for;
- alerts match the answers one to one, with the same count, each with its picture;
- no more frames were in flight than the limits allow, at each service and over all;
- work went on by itself, within the stated time after the fault ended;
- where an alarm is named, people got it through a webhook, with its cause, and word of its end;
- no process was left after the stop.

*Embedded* is `easyai up` (SQLite, files as broker). *Production* is every part by itself on
PostgreSQL and Redis, or RabbitMQ where the fault says so. Measured on a machine of two cores that
runs four of these at a time, so times
are longer than an installation alone would take; they are rounded up. The limits are those of the
test. Some times of the settings are set short, where the defaults would only make the wait longer,
but not in the trials "at default times"; where workers are held, calls have 30 s as by default:

```toml
"""

_MIDDLE = """```

| column | |
|---|---|
| frames | put in while the fault was tried, and how many of them became alerts |
| went on | from the end of the fault to the first result of work begun after it; the longest where the fault was repeated (×) |
| limit | for that: more fails the test |
| told | from the begin of the fault until people had the alarm |
| over | from the end of the fault until they were told that it is over; the clock's is over after a steady minute, which is waited for once |
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
| fault | installation | frames | alerts | went on | limit | alarm | told | over |
|---|---|--:|--:|--:|--:|---|--:|--:|
"""


def write(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the report; figures are rounded, so that they change little from run to run."""
    groups = [_group(title, _of(outcomes, name)) for name, title in _GROUPS.items()]
    text = _HEAD + (ALWAYS + SHORT).lstrip() + _MIDDLE + "".join(groups)
    others = sections_of_others(path)
    path.write_text(f"{text}\n{others}" if others else text, encoding="utf-8")


def _of(outcomes: Iterable[Outcome], group: str) -> list[Outcome]:
    own = [one for one in outcomes if one.group == group]
    return sorted(own, key=lambda one: (one.fault, one.installation))


def _group(title: str, outcomes: Sequence[Outcome]) -> str:
    rows = "".join(_row(one) for one in outcomes)
    return f"\n## {title}\n{_TABLE}{rows}" if outcomes else ""


def _row(one: Outcome) -> str:
    cells = [
        f"{one.fault} (×{one.times})" if one.times > 1 else one.fault,
        one.installation,
        _rounded(one.put_in),
        _rounded(one.alerts),
        rounded_up(one.resumed_sec),
        _limit(one.resume_limit_sec),
        f"{one.alarm}: “{one.cause}”" if one.cause else one.alarm,
        rounded_up(one.alarm_after_sec),
        rounded_up(one.alarm_over_sec),
    ]
    return f"| {' | '.join(cells)} |\n"


def _rounded(count: int) -> str:
    """One digit says enough, and changes less."""
    step = 10 ** (len(str(count)) - 1)
    return f"{round(count / step) * step:,}"


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:g} s"
