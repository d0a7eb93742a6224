"""How long the watchdog and its alarms wait."""

from __future__ import annotations

from dataclasses import dataclass

from easyai.process import presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Times in seconds that no setting names; tests pass shorter times than these defaults."""

    # The watchdog's own work.
    look_every_sec: float = 2.0  # between two looks; twice as often it judges the newest look
    # The database counts as silent when a look waits for so long; its own limits may be longer.
    blind_after_sec: float = 8.0
    read_back_sec: float = 8.0  # at its start: until it knows which alarms ring
    record_every_sec: float = 3.0  # between two renewals of its lease
    lease_sec: float = 10.0  # after the last renewal another watchdog notifies

    # After a start, or a jump of the clock.
    start_sec: float = 60.0  # what starts together with the watchdog needs a moment
    # For so long the watchdog trusts no time it reads: a worker that starts together with it needs
    # a moment.
    settling_sec: float = 20.0
    first_look_sec: float = 4.0  # until the first look is over
    steady_sec: float = 60.0  # after a jump, until the clock counts as steady
    # A process that lives shows itself within this time, if the database answers.
    shown_sec: float = 2 * presence.EVERY_SEC + 2.0

    # Every alarm.
    clear_sec: float = 5.0  # its condition must be clear for so long before it is over: no flapping
    cause_sec: float = 10.0  # another cause than the one people know must hold so long

    # The graces: a condition must hold for so long before its alarm is raised.
    check_grace_sec: float = 10.0  # a check fails
    # What is not there any more does not come back by itself, and each second of it is lost.
    data_moved_grace_sec: float = 1.0
    clock_off_grace_sec: float = 10.0  # two looks of the processes of a machine
    outbox_still_sec: float = 30.0  # the head of the outbox: a bus that works takes it in seconds
    # Frames wait for a moment when a service restarts; that is no outage.
    no_service_grace_sec: float = 10.0
    # Services that died together are found dead by sweeps 5 s apart at most: one message.
    offline_grace_sec: float = 4.0
    # Heartbeats that were cut off together are overdue one after the other, a field client's each
    # 30 s: until then more may follow.
    heartbeats_grace_sec: float = 30.0
    # No more can follow when it is all of them; heartbeats that we missed for a moment come at
    # once.
    all_silent_grace_sec: float = 5.0
    # A few whose heartbeats stay away are no outage: inference goes on.
    few_heartbeats_grace_sec: float = 300.0
