"""The pace of heartbeats: a service that sends more rarely than it may be silent is noted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from easyai.db.events import Event
from easyai.db.services import ServiceRow
from easyai.runtime import Runtime

#: The kind of its event.
SLOW_HEARTBEATS: Final = "heartbeats_slow"
#: It is said again so often while it goes on.
TELL_EVERY_SEC: Final = 3600.0
_ALIKE: Final = 0.2  # by which two pauses of one pace differ at most
_LONGEST: Final = 10  # times its timeout; a longer pause is an outage
_USUAL_SEC: Final = 30.0  # what field clients do


class HeartbeatPace:
    """What this process remembers of pauses between heartbeats."""

    def __init__(self, runtime: Runtime) -> None:
        del runtime
        self._pauses: dict[int, float] = {}  # the last one that was too long, by pk
        self._told_at: dict[int, float] = {}

    def heard(self, rows: Iterable[ServiceRow], timeout_sec: float, now: float) -> list[Event]:
        """The events of services, as they stood before this heartbeat, that send too rarely.

        Two pauses alike, one after the other, are a pace and no outage.
        """
        return [
            Event(
                now,
                SLOW_HEARTBEATS,
                row.endpoint,
                f"service_id={row.service_id}: sends a heartbeat every {pause:.0f} s, "
                f"heartbeat_timeout_sec is {row.heartbeat_timeout_sec or timeout_sec:g}",
            )
            for row in rows
            if (pause := self._too_long(row, row.heartbeat_timeout_sec or timeout_sec, now))
        ]

    def _too_long(self, row: ServiceRow, timeout_sec: float, now: float) -> float:
        """The pause that is to be told; 0 for none."""
        pause: float = now - row.last_heartbeat
        before = self._pauses.pop(row.pk, 0.0)
        if not row.last_heartbeat or not timeout_sec < pause <= _LONGEST * timeout_sec:
            return 0.0
        self._pauses[row.pk] = pause
        alike = abs(pause - before) <= _ALIKE * pause
        if not alike or now - self._told_at.get(row.pk, 0.0) < TELL_EVERY_SEC:
            return 0.0
        self._told_at[row.pk] = now
        return pause


def expected_sec(timeout_sec: float) -> float:
    """How often a service should send a heartbeat: two fit into its timeout."""
    return min(_USUAL_SEC, timeout_sec / 2)
