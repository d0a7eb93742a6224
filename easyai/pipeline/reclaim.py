"""Leases of processes of this machine that have ended, taken back at once.

After a kill of everything, frames in flight would wait for `lease_sec`. Their tokens begin with the
mark of their holder (system/identity.py): who starts again on the same machine sees that it has
ended. A holder that may live, stopped or hung or on another machine, keeps its leases until they
expire.
"""

from __future__ import annotations

import logging

from easyai.db import clock, events, ledger, rings
from easyai.db.events import Event
from easyai.domain.reason import Reason
from easyai.runtime import Runtime
from easyai.system.identity import has_ended

log = logging.getLogger(__name__)


def reclaim(runtime: Runtime) -> dict[str, int]:
    """Return the frames of ended processes to pending, and ring; how many, by task type.

    Raises DatabaseUnavailableError.
    """
    with runtime.db.read() as conn:
        dead = sorted(token for token in ledger.tokens(conn) if has_ended(token))
    if not dead:
        return {}
    with runtime.db.write() as conn:
        returned = ledger.take_back(conn, dead)
        # A wake that the ended process had taken is lost: the next one need not wait for it.
        rings.answer(conn, sorted(returned))
        now = clock.now(conn)
        events.add(conn, [_event(name, count, now) for name, count in sorted(returned.items())])
    for task_type, count in returned.items():
        log.warning(
            "leases of an ended worker taken back: task_type=%s frames=%d", task_type, count
        )
    runtime.doorbell.ring_all(sorted(returned))
    return returned


def _event(task_type: str, count: int, now: float) -> Event:
    return Event(now, "leases_expired", task_type, Reason.of("frames.taken_back", n=count))
