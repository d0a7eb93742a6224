"""Endpoints that services left by a move: forgotten after a day without a sign of life.

A forgotten endpoint is not listed any more. Its row stays, because field clients never register
again: any sign of life of its own brings the endpoint back, such as the answer of a rare probe. An
endpoint that did not move is never forgotten, nor any endpoint of an id that lives nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from easyai.db import clock, events, generations, service_events, services
from easyai.db.services import ServiceRow
from easyai.domain.reason import Reason
from easyai.domain.service import FORGOTTEN, ROUTABLE, ServiceState, move_to, moved_to
from easyai.registry.demotion import LONGEST_PROBE_PAUSE_SEC, demotion
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# A machine that is switched off for the night comes back first.
_SILENT_SEC: Final = 86_400.0
# In a row; a day of sweeps makes some 1,400. A clock that jumped, or a server that was down for the
# day, is no day of silence.
_FAILED_PROBES: Final = 100
_PROBE_PAUSE_SEC: Final = 600.0


def is_forgotten(row: ServiceRow) -> bool:
    """Whether an endpoint is forgotten."""
    return bool(row.state_reason_code == FORGOTTEN)


def living_ids(rows: Iterable[ServiceRow]) -> set[str]:
    """The ids that have an endpoint in use."""
    return {row.service_id for row in rows if row.state in ROUTABLE}


def is_due(row: ServiceRow, living: Collection[str], now: float) -> bool:
    """Whether an offline endpoint is to be probed now; `living`: the ids in use.

    A forgotten endpoint rests for longer, until no other endpoint of its id is in use.
    """
    rests = is_forgotten(row) and row.service_id in living
    longest_sec = _PROBE_PAUSE_SEC if rests else LONGEST_PROBE_PAUSE_SEC
    far_ahead = row.next_probe_at > now + longest_sec  # also when the clock was set back
    return bool(row.next_probe_at <= now or far_ahead)


def forget(
    runtime: Runtime, rows: Sequence[ServiceRow], dead: Sequence[ServiceRow], seen_at: float
) -> list[ServiceRow]:
    """Forget endpoints of the `dead`, which a check of all `rows` did not reach; returns the rest.

    `seen_at`: when the check read `rows`, Unix seconds.
    """
    silent = {row.pk for row in dead}
    living = living_ids(row for row in rows if row.pk not in silent)
    leaving = _leaving(dead, living, seen_at)
    out = [row for row in dead if row.pk in leaving or is_forgotten(row)]
    if out:
        values = [_values(row, living, seen_at) for row in out]
        with runtime.db.write() as conn:
            written = services.demote(conn, values)
            left = [row for row in out if row.pk in leaving & written]
            now = clock.now(conn)
            events.add(conn, [service_events.forgotten(row, _reason(row), now) for row in left])
            if left:
                generations.bump_registry(conn)
        _log_forgotten(left)
    gone = {row.pk for row in out}
    return [row for row in dead if row.pk not in gone]


def _leaving(dead: Sequence[ServiceRow], living: Collection[str], now: float) -> set[int]:
    return {
        row.pk
        for row in dead
        if row.service_id in living
        and row.state == ServiceState.OFFLINE
        and moved_to(services.reason_of(row))
        and not is_forgotten(row)
        and now - row.last_evidence > _SILENT_SEC
        and row.probe_failures >= _FAILED_PROBES
    }


def _values(row: ServiceRow, living: Collection[str], seen_at: float) -> dict[str, Any]:
    failures, state = row.probe_failures + 1, ServiceState.OFFLINE
    since = row.state_since
    pause_sec = _PROBE_PAUSE_SEC if row.service_id in living else LONGEST_PROBE_PAUSE_SEC
    return demotion(row, state, _reason(row), seen_at, since, failures, pause_sec)


def _reason(row: ServiceRow) -> Reason:
    return Reason.of(FORGOTTEN, moved=move_to(moved_to(services.reason_of(row))))


def _log_forgotten(rows: Iterable[ServiceRow]) -> None:
    for row in rows:
        log.info(
            "algorithm service forgotten: service_id=%s endpoint=%s moved_to=%s; it is not listed "
            "any more and comes back with any sign of life of its own",
            row.service_id,
            row.endpoint,
            moved_to(services.reason_of(row)),
        )
