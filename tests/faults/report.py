"""docs/reliability.md, written from what the suite measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.trial import SETTINGS

_HEAD = """# Reliability

Written by `make faults`, not by hand. For each fault below a real installation works on a steady
camera's frames while something is broken: processes are killed, servers stopped, disks filled,
clocks moved. Then it is checked from outside, in the store, the database and in what the algorithm
services received, that

- every frame that was put in has exactly one fate: the one its algorithm's answer asks for;
- alerts match the answers one to one, with the same count, each with its picture;
- no more frames were in flight than the limits allow, at each service and over all;
- work went on within the stated time after the fault ended, by itself;
- where an alarm is named, people got it through a webhook, with its cause, and its recovery notice;
- no process was left after the stop.

*Embedded* is `easyai up` (SQLite, files as broker). *Production* is every part by itself on
PostgreSQL and Redis. Measured on a small machine that runs three faults at a time; times are
rounded up. Short times are set, where the defaults would only make the wait longer:

```toml
"""

_TABLE = """```

`went on` is the time from the end of the fault to the first result of new work (the longest, where
a fault was repeated); `alarm` is the time from the begin of the fault until people were told, and
`over` from its end until they were told that.

| fault | installation | frames | alerts | no detection | failed | given up | went on | at most | alarm | after | over |
|---|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|
"""  # noqa: E501 - a table


def write(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the report; figures are rounded, so that they change little from run to run."""
    rows = sorted(outcomes, key=lambda one: (one.fault.casefold(), one.installation))
    text = _HEAD + SETTINGS.strip() + "\n" + _TABLE + "".join(_row(one) for one in rows)
    path.write_text(text, encoding="utf-8")


def _row(one: Outcome) -> str:
    fault = f"{one.fault} (×{one.times})" if one.times > 1 else one.fault
    if one.remark:
        fault += f"; {one.remark}"
    alarm = f"{one.alarm}: {one.cause}" if one.cause else one.alarm
    counts = (one.put_in, one.alerts, one.no_detection, one.failed, one.given_up)
    cells = [
        fault,
        one.installation,
        *(_rounded(count) for count in counts),
        _seconds(one.resumed_sec),
        _seconds(one.resume_limit_sec),
        alarm,
        _seconds(one.alarm_after_sec),
        _seconds(one.alarm_over_sec),
    ]
    return f"| {' | '.join(cells)} |\n"


def _rounded(count: int) -> str:
    """Two digits say enough, and change less."""
    if count < 100:
        return str(round(count, -1)) if count >= 10 else str(count)
    step = 10 ** (int(math.log10(count)) - 1)
    return f"{round(count / step) * step:,}"


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value <= 1:
        return "≤ 1 s"
    return f"{math.ceil(value)} s"
