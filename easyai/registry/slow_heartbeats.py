"""Slow heartbeats: records services whose usual pause is longer than their timeout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from easyai.db import service_events
from easyai.db.events import Event
from easyai.db.service_events import HEARTBEAT_PACE_EVERY_SEC
from easyai.db.services import ServiceRow
from easyai.domain.reason import Reason
from easyai.runtime import Runtime

_ENOUGH: Final = 10  # pauses in time in a row; with fewer, the event would end and return in turn
_ALIKE: Final = 0.2  # largest share by which two pauses of the same pace differ
_LONGEST: Final = 10  # times its timeout; a longer pause is an outage
_USUAL_SEC: Final = 30.0  # the interval of field clients


class HeartbeatPace:
    """What this process remembers of pauses between heartbeats."""

    def __init__(self, runtime: Runtime) -> None:
        del runtime
        self._pauses: dict[int, float] = {}  # the last pause that was too long, by pk
        self._recorded_at: dict[int, float] = {}  # the last event, by pk
        self._in_time: dict[int, int] = {}  # pauses in time in a row, of services with an event

    def record(self, rows: Iterable[ServiceRow], timeout_sec: float, now: float) -> list[Event]:
        """The events of services that send too rarely, or that are in time again.

        `rows` are the services before this heartbeat. Two similar pauses in a row are a slow pace;
        a single long pause is an outage.
        """
        events = []
        for row in rows:
            timeout = row.heartbeat_timeout_sec or timeout_sec
            pause = now - row.last_heartbeat
            if row.last_heartbeat and 0 <= pause <= timeout:
                code = "heartbeats.in_time_again" if self._is_cured(row.pk) else ""
            else:
                slow = self._is_slow(row, pause, timeout, now)
                code = "heartbeats.too_rare" if slow else ""
            if code:
                pace = Reason.of(code, pause_sec=round(pause), timeout_sec=timeout)
                events.append(service_events.heartbeat_pace(row, pace, now))
        return events

    def _is_cured(self, pk: int) -> bool:
        self._pauses.pop(pk, None)
        if pk not in self._recorded_at:
            return False
        self._in_time[pk] = self._in_time.get(pk, 0) + 1
        if self._in_time[pk] < _ENOUGH:
            return False
        del self._in_time[pk], self._recorded_at[pk]
        return True

    def _is_slow(self, row: ServiceRow, pause: float, timeout_sec: float, now: float) -> bool:
        before = self._pauses.pop(row.pk, 0.0)
        self._in_time.pop(row.pk, None)
        if not row.last_heartbeat or not timeout_sec < pause <= _LONGEST * timeout_sec:
            return False
        self._pauses[row.pk] = pause
        alike = abs(pause - before) <= _ALIKE * pause
        if not alike or now - self._recorded_at.get(row.pk, 0.0) < HEARTBEAT_PACE_EVERY_SEC:
            return False
        self._recorded_at[row.pk] = now
        return True


def expected_sec(timeout_sec: float) -> float:
    """How often a service should send a heartbeat: two fit into its timeout."""
    return min(_USUAL_SEC, timeout_sec / 2)
