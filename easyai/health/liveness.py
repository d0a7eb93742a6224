"""Whether our own work goes on: scans run, a beat leads, an API works."""

from __future__ import annotations

from typing import Final

from easyai.health.facts import Facts
from easyai.health.snapshot import Snapshot

_SCAN_LATE_SEC: Final = 20.0
_SCAN_LATE_INTERVALS: Final = 5
_BEAT_LATE_SEC: Final = 10.0  # another beat takes over sooner


def scan_late(facts: Facts, snapshot: Snapshot) -> float:
    """Seconds since the last scan ended, if too many for the scan alone to explain; else 0."""
    if not facts.settings.ai_analysis.enable or facts.failed("store") or facts.failed("broker"):
        return 0.0
    working = snapshot.working("worker", facts.now)
    lease = snapshot.process_leases.get("scan")
    since = max(
        lease.done_at if lease else 0.0,
        min((process.started_at for process in working), default=0.0),
    )
    interval = facts.settings.ai_analysis.scan_interval_sec
    late = facts.now - since
    runs = lease is not None and lease.expires_at > facts.now
    allowed = max(_SCAN_LATE_SEC * (3 if runs else 1), _SCAN_LATE_INTERVALS * interval)
    return late if late > allowed and not beat_late(facts, snapshot) else 0.0


def beat_late(facts: Facts, snapshot: Snapshot) -> bool:
    """Whether no beat leads, and no beat waits for the broker."""
    lease = snapshot.process_leases.get("beat")
    works = bool(snapshot.working("beat", facts.now))
    if lease is not None and not works and _has_ended(lease.holder, snapshot):
        return True
    if lease is not None and abs(lease.expires_at - facts.now) <= _BEAT_LATE_SEC:
        return False
    # A released lease means that a beat waits until the broker takes messages.
    stands_by = lease is not None and not lease.expires_at
    return not (stands_by and works)


def _has_ended(holder: str, snapshot: Snapshot) -> bool:
    """Whether the beat that holds a lease (host:pid:…) has ended; its row is beat@host:pid."""
    ended = [
        process.name for process in snapshot.processes if process.kind == "beat" and process.ended
    ]
    return any(holder.startswith(f"{name.partition('@')[2]}:") for name in ended)


def api_gone(facts: Facts, snapshot: Snapshot) -> bool:
    """Whether no API works, though an API showed signs of life within the last day."""
    shown = "api" in snapshot.stopped or any(
        process.kind == "api" for process in snapshot.processes
    )
    return shown and not snapshot.working("api", facts.now)


def calls_ran(facts: Facts, since: float, until: float) -> bool:
    """Whether workers ran for the whole time that a call leased at `since` has had no answer.

    The workers started before `since`, and each has shown a sign of life after `until`, when the
    answer was overdue. A worker that was held up, killed or restarted is no evidence against the
    services it called.
    """
    working = facts.snapshot.working("worker", facts.now) if facts.snapshot else []
    ran = [process for process in working if process.started_at <= since]
    return bool(ran) and all(process.beat_at >= until for process in ran)
