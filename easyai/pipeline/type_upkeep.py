"""Forgets task types that nothing names any more, so that their queues end."""

from __future__ import annotations

import logging
from typing import Final

from easyai.db import admitted_types, clock, task_types, wakes
from easyai.domain.type_places import needs_renewal, unnamed
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_MOST_NAMES: Final = 10  # in a message


def keep_types(runtime: Runtime) -> int:
    """Record which types are named now, forget types unnamed for a day; returns how many.

    Updates a type's row once an hour. Raises DatabaseUnavailableError.
    """
    with runtime.db.write() as conn:
        now = clock.now(conn)
        known = admitted_types.known(conn)
        naming = admitted_types.naming(conn, runtime.settings.task_types)
        fresh = {
            known_type.name for known_type in known if not needs_renewal(known_type.seen_at, now)
        }
        there = {known_type.name for known_type in known}
        over = unnamed(known, naming, now)
        # Frames of a type without a row are never leased, so a row that was removed is added again.
        named = ((naming.by_any & there) | naming.by_frames) - fresh
        if named or over:
            admitted_types.lock_places(conn)
        wakes.lock(conn, sorted({*named, *(known_type.name for known_type in over)}))
        task_types.add(conn, named, now)
        forgotten = admitted_types.forget(conn, over)
    if forgotten:
        names = [known_type.name for known_type in over]
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        log.info("task types forgotten, nothing has named them for a day: %s", shown)
    return forgotten
