"""How long the watchdog and its alarms wait."""

from __future__ import annotations

from dataclasses import dataclass

from easyai.process import presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Times in seconds that no setting names; tests pass shorter times than these defaults."""

    # The watchdog's own work.
    # Between two observations; the watchdog judges the newest observation twice as often.
    observe_every_sec: float = 2.0
    # The database counts as silent when an observation waits for so long; its own limits may be
    # longer.
    blind_after_sec: float = 8.0
    read_back_sec: float = 8.0  # after its start, until it knows which alarms ring
    record_every_sec: float = 3.0  # between two renewals of its lease
    lease_sec: float = 10.0  # after the last renewal another watchdog notifies

    # After a start, or a jump of the clock.
    start_sec: float = 60.0  # what starts together with the watchdog needs a moment
    # The watchdog trusts no time it reads for so long: a worker that starts together with it needs
    # a moment.
    settling_sec: float = 20.0
    first_observation_sec: float = 4.0  # until the first observation is over
    steady_sec: float = 60.0  # after a jump, until the clock counts as steady
    # A process that lives shows itself within this time, if the database answers.
    shown_sec: float = 2 * presence.EVERY_SEC + 2.0

    # Every alarm.
    clear_sec: float = 5.0  # its condition must be clear for so long before it is over: no flapping
    cause_sec: float = 10.0  # a new cause must hold for so long before it replaces the known cause

    # The graces: a condition must hold for so long before its alarm is raised.
    check_grace_sec: float = 10.0  # a check fails
    # Missing data do not come back by themselves, and every second of work is lost.
    data_moved_grace_sec: float = 1.0
    clock_off_grace_sec: float = 10.0  # two signs of life of a machine's processes
    outbox_still_sec: float = 30.0  # the outbox does not move: a working bus takes it in seconds
    # Without a scan, while inference goes on with frames that wait, or that a watcher, a client or
    # a bucket names: a scan of millions of pictures takes some minutes.
    scan_silent_sec: float = 300.0
    # Frames wait for a moment when a service restarts; that is not an outage.
    no_service_grace_sec: float = 10.0
    # Sweeps at most 5 s apart find services that died together: send a single message.
    offline_grace_sec: float = 4.0
    # Heartbeats that were cut off together become overdue in turn; field clients send every 30 s.
    # Until then more services may follow.
    heartbeats_grace_sec: float = 30.0
    # When all services are silent, no more can follow. Heartbeats that we missed for a moment
    # arrive at once.
    all_silent_grace_sec: float = 5.0
    # Missing heartbeats of a few services are not an outage: inference goes on.
    few_heartbeats_grace_sec: float = 300.0
