"""Machines whose clock is off, as their processes measured it against the database's.

Leases, due times and heartbeats go by the database's clock and need no other. But names of pictures
(a camera's folder by the date), logs and links of an object store go by the machine's own.
"""

from __future__ import annotations

from typing import Final

from easyai.health.snapshot import Known

#: More than a time service leaves, and more than a busy machine needs between two looks.
MOST_OFF_SEC: Final = 2.0


def clocks_off(known: Known, now: float, most_sec: float = MOST_OFF_SEC) -> dict[str, float]:
    """Seconds by which clocks are ahead of the database's (below 0: behind), by host.

    Of the processes that showed themselves lately; only of hosts that are off by more than that.
    """
    offsets_sec: dict[str, float] = {}
    for process in known.processes:
        if (
            not process.ended
            and known.is_recent(process, now)
            and abs(process.clock_offset_sec) > most_sec
        ):
            host = process.name.partition("@")[2].rpartition(":")[0]
            offsets_sec[host] = max(process.clock_offset_sec, offsets_sec.get(host, 0.0), key=abs)
    return offsets_sec
