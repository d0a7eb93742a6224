"""Services that moved: the same service_id at a new endpoint, and nothing at the old one.

One running process is one endpoint, and an id may stand on many: that one of them falls silent is
no move. It is one only when every endpoint of the id that lives has been new since the old one
left. The old one stays registered; who runs the installation takes it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.db.services import ServiceRow
from easyai.domain.service import REGISTERED, ROUTABLE, ServiceState, moved_to

# A dead endpoint is found by its calls, or by a probe after one time without a success, and then
# by a second probe: until then it may look alive beside the new one.
_FOUND_WITHIN: Final = 2.0  # of the times of its heartbeats


def move_of(old: ServiceRow, rows: Sequence[ServiceRow], timeout_sec: float) -> str:
    """The endpoint that the service of a suspect or offline one lives at now; '' when unknown.

    `rows` are all services as they stand; what was noted of `old` stays while that is registered.
    """
    others = [
        row
        for row in rows
        if row.service_id == old.service_id
        and row.pk != old.pk
        and row.state != ServiceState.UNREGISTERED
    ]
    noted = moved_to(old.state_reason)
    if noted in {row.endpoint for row in others}:
        return noted
    allowed_sec = old.heartbeat_timeout_sec or timeout_sec
    living = [row for row in others if row.state in ROUTABLE]
    if not living or not all(_is_new(row, old, allowed_sec) for row in living):
        return ""
    newest: str = max(living, key=lambda row: row.state_since).endpoint
    return newest


def _is_new(row: ServiceRow, old: ServiceRow, allowed_sec: float) -> bool:
    """Whether an endpoint was registered for the first time as the old one left, or later."""
    since = min(row.state_since, row.register_at)
    return bool(
        row.state_reason == REGISTERED
        # Those that were started together are many of one kind.
        and old.register_at + allowed_sec <= since
        and old.last_success_at <= since
        and old.state_since <= since + _FOUND_WITHIN * allowed_sec
    )
