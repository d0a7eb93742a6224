"""Which children of ``easyai up`` have hung: they reported that they work, then fell silent.

Three limits work together. The loop of a child counts as alive for 5 s
(`easyai.process.supervisor_link`). The child reports every second. The supervisor kills a child
after HANG_SEC of silence: 30 s. A longer limit would be too long, because a stall must be reported
and healed within a minute. A shorter limit would be too short: a machine that swaps, or a process
that is held for 20 s (by a snapshot of a virtual machine or a debugger), must keep its frames in
flight. After 30 s the leases of a silent worker (`lease_sec`) have expired, and other workers have
its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from easyai.domain.reason import NO_REASON, Reason
from easyai.process.end_codes import hung
from easyai.process.supervisor_link import from_line
from easyai.supervisor.notify_socket import Notification

HANG_SEC: Final = 30.0
#: The limit for the first report of a child; HANG_SEC if that is longer. A start takes half a
#: minute on a small machine that swaps.
START_LIMIT_SEC: Final = 300.0


class Verdict(NamedTuple):
    """A child to end, so that the supervisor restarts it."""

    pid: int
    reason: Reason
    orderly: bool  # SIGTERM instead of SIGKILL


@dataclass(slots=True)
class _Child:
    reported_at: float
    limit_sec: float  # of silence
    end_by: float | None = None  # the deadline after a request to end it
    reason: Reason = NO_REASON
    reported: bool = False


@dataclass(slots=True)
class Liveness:
    """The last report of each child; times are seconds on the same monotonic clock."""

    hang_sec: float
    stop_sec: Mapping[str, int]  # by name of child: time to end in order
    _children: dict[int, _Child] = field(default_factory=dict)
    _checked_at: float | None = None

    def check(
        self, running: Mapping[int, str], reports: Iterable[Notification], now: float
    ) -> list[Verdict]:
        """Record the reports of the running children (pid to name); returns children to end now."""
        self._children = {pid: entry for pid, entry in self._children.items() if pid in running}
        for pid in running:
            start_sec = max(START_LIMIT_SEC, self.hang_sec)
            self._children.setdefault(pid, _Child(now, start_sec))
        asked = [verdict for report in reports for verdict in self._take(running, report, now)]
        self._forgive_own_absence(now)
        return asked + [
            verdict for pid in list(self._children) for verdict in self._judge(pid, now)
        ]

    def has_reported(self, pid: int) -> bool:
        """Whether a running child has reported that it works."""
        child = self._children.get(pid)
        return child is not None and child.reported

    def _take(self, running: Mapping[int, str], report: Notification, now: float) -> list[Verdict]:
        if report.pid not in running:
            return []
        if "WATCHDOG" in report.words:
            child = self._children[report.pid]
            child.reported_at, child.limit_sec, child.reported = now, self.hang_sec, True
        if "STOPPING" in report.words:
            stop_sec = self.stop_sec.get(running[report.pid], 0)
            self._children[report.pid].limit_sec = max(self.hang_sec, stop_sec)
        wanted = report.words.get("X_EASYAI_RESTART")
        if wanted is None or running[report.pid] != "watchdog":
            return []
        reason = from_line(report.words.get("X_EASYAI_REASON", ""))
        return [
            verdict
            for pid, name in running.items()
            if name == wanted
            for verdict in self._ask_to_end(pid, name, reason, now)
        ]

    def _ask_to_end(self, pid: int, name: str, reason: Reason, now: float) -> list[Verdict]:
        child = self._children[pid]
        if child.end_by is not None:
            return []
        child.end_by, child.reason = now + self.stop_sec.get(name, 0), reason
        return [Verdict(pid, reason, orderly=True)]

    def _forgive_own_absence(self, now: float) -> None:
        """Restart all silence limits after a stall of this process: it knows no child's silence."""
        before, self._checked_at = self._checked_at, now
        if before is not None and now - before > self.hang_sec / 2:
            for child in self._children.values():
                child.reported_at = now

    def _judge(self, pid: int, now: float) -> list[Verdict]:
        child = self._children[pid]
        silent_sec = now - child.reported_at
        if child.end_by is not None and now > child.end_by:
            reason = Reason.of("process.did_not_end", why=child.reason)
        elif silent_sec > child.limit_sec:
            reason = hung(silent_sec)
        else:
            return []
        del self._children[pid]  # no process survives a SIGKILL
        return [Verdict(pid, reason, orderly=False)]
