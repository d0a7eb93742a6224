"""Machines whose clock is off: their processes compare it with the database's clock.

Leases, due times and heartbeats use only the database's clock. But names of pictures (a camera's
folder by the date), logs and links of an object store use the machine's clock.
"""

from __future__ import annotations

from typing import Final

from easyai.health.snapshot import Snapshot

#: More than the error a time service leaves, and than a busy machine needs between two reads.
MOST_OFF_SEC: Final = 2.0


def clocks_off(snapshot: Snapshot, now: float, most_sec: float = MOST_OFF_SEC) -> dict[str, float]:
    """Seconds by which clocks are ahead of the database's (below 0: behind), by host.

    Uses processes with a recent sign of life; returns hosts that are off by more than `most_sec`.
    """
    offsets_sec: dict[str, float] = {}
    for process in snapshot.processes:
        if (
            not process.ended
            and snapshot.is_recent(process, now)
            and abs(process.clock_offset_sec) > most_sec
        ):
            host = process.name.partition("@")[2].rpartition(":")[0]
            offsets_sec[host] = max(process.clock_offset_sec, offsets_sec.get(host, 0.0), key=abs)
    return offsets_sec
