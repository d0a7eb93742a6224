"""The measurements of a trial: a row of docs/reliability.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PROPERTY = "fault"  # the name under which a test's report carries it


@dataclass
class Outcome:
    """A fault on an installation; times in seconds, None where nothing was to be measured."""

    fault: str
    installation: str
    group: str = ""  # the file of the test
    times: int = 1  # how often it was done
    put_in: int = 0
    alerts: int = 0
    resumed_sec: float | None = None  # end of the fault to the first new success; the worst
    resume_limit_sec: float | None = None
    alarm: str = ""  # its kind
    cause: str = ""
    alarm_after_sec: float | None = None  # from the begin of the fault
    alarm_over_sec: float | None = None  # from its end

    def as_property(self) -> dict[str, Any]:
        """Plain values, for the way from a test process to the process that writes the report."""
        return asdict(self)
