"""Services that moved: the same service_id at a new endpoint, and nothing at the old endpoint.

Each running process has its own endpoint, and a service_id may have many endpoints. So a silent
endpoint is no move. A service has moved only when every living endpoint of its id is new since the
old endpoint left, and was registered soon after. When several endpoints left, the last of them has
moved. The old endpoint stays registered until an operator unregisters it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.db.services import ServiceRow, reason_of
from easyai.domain.service import REGISTERED, ROUTABLE, ServiceState, moved_to
from easyai.masking import hide_credentials

# Failed calls, or a probe after a timeout without a success, and then a second probe show that an
# endpoint is dead. Until then it may look alive beside the new endpoint.
_FOUND_WITHIN: Final = 2.0  # heartbeat timeouts of the old endpoint
# From the last sign of life at the old endpoint to the registration of the new endpoint. After a
# longer time, the new endpoint is as likely another process with the same id.
_MOVES_WITHIN_SEC: Final = 600.0


def move_of(old: ServiceRow, rows: Sequence[ServiceRow], timeout_sec: float) -> str:
    """The endpoint to which the service of a suspect or offline endpoint moved; '' when unknown.

    Its password is hidden, as in stored reasons. `rows` are all services in their present state.
    A move that is stored for `old` stays as long as the new endpoint is registered.
    """
    others = [
        row
        for row in rows
        if row.service_id == old.service_id
        and row.pk != old.pk
        and row.state != ServiceState.UNREGISTERED
    ]
    noted = moved_to(reason_of(old))
    if noted in {_shown(row) for row in others}:
        return noted
    living = [row for row in others if row.state in ROUTABLE]
    if not living or not all(_is_new(row, old, timeout_sec) for row in living):
        return ""
    taken = {moved_to(reason_of(row)) for row in others}
    until = _last_sign(old) + _MOVES_WITHIN_SEC
    free = [row for row in living if _shown(row) not in taken and _came(row) <= until]
    if not free:
        return ""
    newest = max(free, key=lambda row: row.state_since)
    left_later = any(
        _left(row, newest) > _left(old, newest) and _is_new(newest, row, timeout_sec)
        for row in others
        if row not in living and not moved_to(reason_of(row))
    )
    return "" if left_later else _shown(newest)


def _shown(row: ServiceRow) -> str:
    """The endpoint as a reason stores it."""
    return hide_credentials(row.endpoint)


def _left(row: ServiceRow, new: ServiceRow) -> tuple[float, float, int]:
    """The last sign of life of an endpoint before `new` came, as a sort key."""
    # Heartbeats that the new endpoint sends by id count for an old endpoint that is not offline.
    return min(_last_sign(row), _came(new)), row.last_success_at, row.pk


def _last_sign(row: ServiceRow) -> float:
    return float(max(row.register_at, row.last_success_at, row.last_evidence))


def _came(row: ServiceRow) -> float:
    """When an endpoint was registered for the first time."""
    return float(min(row.state_since, row.register_at))


def _is_new(row: ServiceRow, old: ServiceRow, timeout_sec: float) -> bool:
    """Whether an endpoint was first registered when the old endpoint left, or later."""
    since, allowed_sec = _came(row), old.heartbeat_timeout_sec or timeout_sec
    return bool(
        reason_of(row) == REGISTERED
        # Endpoints that were started together are replicas, not moves.
        and old.register_at + allowed_sec <= since
        and old.last_success_at <= since
        and old.state_since <= since + _FOUND_WITHIN * allowed_sec
    )
