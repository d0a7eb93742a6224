"""Celery's silent stall: a worker that looks well, is connected, and takes no task any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from easyai.domain.reason import NO_REASON, Reason
from easyai.health.facts import Facts
from easyai.process.end_codes import takes_no_tasks

_STALLED_SEC: Final = 30.0  # at most; three times `stall_alarm_sec` if that is less
# The limit is longer if a scan has outlived its claim (tasks/single_run.py): the scan hangs, or it
# lists millions of pictures and would begin again with a new worker.
_OUTLIVED_SEC: Final = 30.0
_SLOW_SEC: Final = 240.0
_NOT_AGAIN_SEC: Final = 120.0  # a restart needs time to show whether it has helped


@dataclass(slots=True)
class SilentStall:
    """Remembers when a scan was last taken; `now` is the monotonic clock."""

    _taken: float | None = None
    _lease: tuple[str, float] | None = None
    _asked: float = float("-inf")

    def reason_to_restart(self, facts: Facts, now: float) -> Reason:
        """Why the workers should restart; no reason if they take tasks or are not to blame.

        Every run of a scan, even a failed run, takes or moves the lease of that periodic task. If
        beat sends and the broker answers but the lease does not move, no worker takes the tasks, or
        the scan hangs.
        """
        snapshot = facts.snapshot
        if snapshot is None or facts.failed("database") or facts.failed("broker"):
            self._taken = now
            return NO_REASON
        scan, beat = snapshot.process_leases.get("scan"), snapshot.process_leases.get("beat")
        lease = (scan.holder, scan.expires_at) if scan else ("", 0.0)
        leads = beat is not None and beat.expires_at > facts.now
        runs = scan is not None and scan.expires_at > facts.now
        if lease != self._lease or runs or not leads or not snapshot.working("worker", facts.now):
            self._lease, self._taken = lease, now
        idle_sec = now - (now if self._taken is None else self._taken)
        analysis = facts.settings.ai_analysis
        limit = min(_STALLED_SEC, 3 * analysis.stall_alarm_sec) + analysis.scan_interval_sec
        if scan and scan.expires_at - scan.done_at > _OUTLIVED_SEC + analysis.scan_interval_sec:
            limit += _SLOW_SEC
        if idle_sec < limit or now - self._asked < _NOT_AGAIN_SEC:
            return NO_REASON
        self._asked = now
        return takes_no_tasks(idle_sec)
