"""Takes back the leases of ended processes of this machine at once.

If all processes were killed, frames in flight would wait for `lease_sec`. Lease tokens begin with
the mark of their holder (system/identity.py), so a process that starts on the same machine can see
that the holder has ended. A holder that may be alive (stopped, hung, or on another machine) keeps
its leases until they expire.
"""

from __future__ import annotations

import logging

from easyai.db import clock, events, ledger, wakes
from easyai.db.events import Event
from easyai.domain.reason import Reason
from easyai.runtime import Runtime
from easyai.system.identity import has_ended

log = logging.getLogger(__name__)


def reclaim(runtime: Runtime) -> dict[str, int]:
    """Return the frames of ended processes to pending and wake workers; counts by task type.
    Raises DatabaseUnavailableError.
    """
    with runtime.db.read() as conn:
        dead = sorted(token for token in ledger.tokens(conn) if has_ended(token))
    if not dead:
        return {}
    with runtime.db.write() as conn:
        returned = ledger.take_back(conn, dead)
        # The ended process may have taken a wake, which is lost: the next must not wait for it.
        wakes.answer(conn, sorted(returned))
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
