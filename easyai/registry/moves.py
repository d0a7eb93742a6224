"""Services that moved: the same service_id at a new endpoint, and nothing at the old one.

One running process is one endpoint, and an id may stand on many: that one of them falls silent is
no move. It is one only when every endpoint of the id that lives has been new since the old one
left, and came soon after. Of several that left, the last one moved. The old one stays registered;
who runs the installation takes it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.db.services import ServiceRow, reason_of
from easyai.domain.service import REGISTERED, ROUTABLE, ServiceState, moved_to
from easyai.masking import hide_credentials

# A dead endpoint is found by its calls, or by a probe after one time without a success, and then
# by a second probe: until then it may look alive beside the new one.
_FOUND_WITHIN: Final = 2.0  # of the times of its heartbeats
# From the last sign of life at the old endpoint until the new one was registered. After longer it
# is as likely another process that was given the same id.
_MOVES_WITHIN_SEC: Final = 600.0


def move_of(old: ServiceRow, rows: Sequence[ServiceRow], timeout_sec: float) -> str:
    """The endpoint that the service of a suspect or offline one lives at now; '' when unknown.

    Its password is hidden, as in what is stored. `rows` are all services as they stand; what was
    noted of `old` stays while that is registered.
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
    """The last sign of life of an endpoint before a new one came, to compare it with others."""
    # Heartbeats by the id, of the new one, count for an old one that is not offline yet.
    return min(_last_sign(row), _came(new)), row.last_success_at, row.pk


def _last_sign(row: ServiceRow) -> float:
    return float(max(row.register_at, row.last_success_at, row.last_evidence))


def _came(row: ServiceRow) -> float:
    """When an endpoint was registered for the first time."""
    return float(min(row.state_since, row.register_at))


def _is_new(row: ServiceRow, old: ServiceRow, timeout_sec: float) -> bool:
    """Whether an endpoint was registered for the first time as the old one left, or later."""
    since, allowed_sec = _came(row), old.heartbeat_timeout_sec or timeout_sec
    return bool(
        reason_of(row) == REGISTERED
        # Those that were started together are many of one kind.
        and old.register_at + allowed_sec <= since
        and old.last_success_at <= since
        and old.state_since <= since + _FOUND_WITHIN * allowed_sec
    )
