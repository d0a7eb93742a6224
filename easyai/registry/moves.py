"""Services that moved: the same service_id at a new endpoint, and nothing at the old endpoint.

Each running process has its own endpoint, and a service_id may have many endpoints. So a silent
endpoint is no move. What distinguishes a restart at another address from the death of an endpoint
beside others: at a restart the old endpoint is dead before the new endpoint comes. So the next
check after a registration probes the older endpoints of its id. An endpoint that gives a sign of
life of its own after the new endpoint came has not moved, whenever it dies. When several endpoints
left, the last of them has moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from easyai.db.services import ServiceRow, reason_of
from easyai.domain.service import AWAY, REGISTERED, ROUTABLE, ServiceState, moved_to
from easyai.masking import hide_credentials
from easyai.registry.demotion import pause_sec

# Endpoints that were registered this close together are replicas, not moves: a check in between
# may not have seen the first of them alive.
_TOGETHER_SEC: Final = 10.0
# An online endpoint that no check has probed for so long after the new endpoint came: it is not
# known which came first, its death or the new endpoint.
_FOUND_WITHIN: Final = 2.0  # heartbeat timeouts of the old endpoint
# From the last sign of life at the old endpoint to the registration of the new endpoint. After a
# longer time, the new endpoint is as likely another process with the same id.
_MOVES_WITHIN_SEC: Final = 12 * 3600.0


@dataclass(frozen=True)  # no slots: cached_property needs a __dict__
class Moves:
    """The moves among all services, as a check read them at `now` (Unix seconds)."""

    rows: Sequence[ServiceRow]
    timeout_sec: float  # of heartbeats, in the settings
    now: float

    def suspected(self) -> set[int]:
        """The pks of endpoints that may have moved: a new endpoint came after their last sign."""
        asked: set[int] = set()
        for group in self._groups:
            newest_at = max(map(_came, group))
            asked.update(
                old.pk
                for old in group
                if old.pk not in self._noted
                and newest_at >= self._lived_at(old)
                and any(self._asks_for_probe(new, old) for new in group if new is not old)
            )
        return asked

    def found(self, silent: Collection[int]) -> dict[int, str]:
        """By pk, the endpoint to which an endpoint moved; no entry for one that did not move.

        `silent`: endpoints that no probe could connect to in this check. Passwords are hidden, as
        in stored reasons. A move stays until the old endpoint gives a sign of life.
        """
        found = dict(self._noted)
        for group in self._groups:
            found |= self._of_group(group, silent)
        return found

    @cached_property
    def _noted(self) -> dict[int, str]:
        noted = {row.pk: moved_to(reason_of(row)) for row in self.rows if row.state in AWAY}
        return {pk: endpoint for pk, endpoint in noted.items() if endpoint}

    @cached_property
    def _groups(self) -> list[list[ServiceRow]]:
        """The endpoints of each id, of ids with several endpoints of which any is new."""
        groups: defaultdict[str, list[ServiceRow]] = defaultdict(list)
        for row in self.rows:
            if row.state != ServiceState.UNREGISTERED:
                groups[row.service_id].append(row)
        return [group for group in groups.values() if self._has_news(group)]

    def _has_news(self, group: Sequence[ServiceRow]) -> bool:
        """Whether an endpoint came after the last sign of another; cheap, for a fleet of one id."""
        if len(group) < 2:
            return False
        newest = max(map(_came, group))
        return any(newest >= self._lived_at(row) for row in group if row.pk not in self._noted)

    def _of_group(
        self, group: Sequence[ServiceRow], silent: Collection[int]
    ) -> Iterator[tuple[int, str]]:
        living = [row for row in group if row.state in ROUTABLE and row.pk not in silent]
        living.sort(key=_came)
        if not living or not all(map(_came_first, living)):
            return
        taken = {self._noted.get(row.pk) for row in group}
        free = [row for row in living if _shown(row) not in taken]
        stay = {row.pk for row in living} | self._noted.keys()
        gone = [row for row in group if row.pk not in stay]
        newest_at = _came(living[-1])
        for old in sorted(gone, key=lambda row: _left_at(row, newest_at), reverse=True):
            until = _last_sign(old) + _MOVES_WITHIN_SEC
            fit = [row for row in free if _came(row) <= until]
            # The oldest of the living endpoints decides whether all of them are new. An endpoint
            # that left later and has not moved may have lived beside them.
            if old.pk not in silent or not fit or not self._is_new(living[0], old):
                return
            free.remove(fit[-1])
            yield old.pk, _shown(fit[-1])

    def _is_new(self, row: ServiceRow, old: ServiceRow) -> bool:
        """Whether an endpoint was first registered when the old endpoint had left."""
        if old.state == ServiceState.ONLINE:
            return self._asks_for_probe(row, old)
        return _came_first(row) and _came(row) >= max(_met_until(old), old.state_since)

    def _asks_for_probe(self, row: ServiceRow, old: ServiceRow) -> bool:
        """Whether an endpoint was first registered after the last sign and probe of another."""
        allowed_sec = _FOUND_WITHIN * (old.heartbeat_timeout_sec or self.timeout_sec)
        late = old.state == ServiceState.ONLINE and self.now > _came(row) + allowed_sec
        return _came_first(row) and _came(row) >= self._lived_at(old) and not late

    def _lived_at(self, row: ServiceRow) -> float:
        """Until when an endpoint is known to have lived, or when it was probed later."""
        online = row.state == ServiceState.ONLINE  # then its last probe was answered
        rest_sec = self.timeout_sec if online else pause_sec(row.probe_failures)
        return max(_met_until(row), float(row.next_probe_at) - rest_sec)


def _met_until(row: ServiceRow) -> float:
    """Until when the registration and calls of an endpoint show that it is no older process."""
    first_at = min(row.state_since, row.register_at) + _TOGETHER_SEC
    return float(max(first_at, row.register_at, row.last_success_at))


def _came_first(row: ServiceRow) -> bool:
    return row.state in ROUTABLE and reason_of(row) == REGISTERED


def _came(row: ServiceRow) -> float:
    """When an endpoint was registered for the first time."""
    return float(min(row.state_since, row.register_at))


def _shown(row: ServiceRow) -> str:
    """The endpoint as a reason stores it."""
    return hide_credentials(row.endpoint)


def _last_sign(row: ServiceRow) -> float:
    return float(max(row.register_at, row.last_success_at, row.last_evidence))


def _left_at(row: ServiceRow, newest_at: float) -> tuple[float, float, int]:
    """The last sign of life of an endpoint before the newest endpoint came, as a sort key."""
    # Heartbeats that the new endpoint sends by id count for an old endpoint that is not offline.
    return min(_last_sign(row), newest_at), row.last_success_at, row.pk
