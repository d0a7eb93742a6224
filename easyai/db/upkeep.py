"""The SQL that puts right what a change of the clock or of the settings left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, text

from easyai.domain.breaker import LONGEST_PAUSE_SEC

# No wait of a frame or an endpoint is longer, clocks that differ included.
_LONGEST_WAIT_SEC: Final = 2 * LONGEST_PAUSE_SEC

# Living workers renew their leases: one from the future is shortened, and ends if its worker died.
_SHORTEN_LEASES = text("""
    UPDATE frames SET lease_expires_at = :expires_at
     WHERE state = 'leased' AND leased_at > :now AND lease_expires_at > :expires_at
""")
_PULL_BACK_FRAMES = text("""
    UPDATE frames SET due_at = :now
     WHERE state = 'pending' AND due_at > :furthest
       AND task_type IN (SELECT name FROM task_types)
""")
_PULL_BACK_PARKED = text("""
    UPDATE frames SET due_at = :now
     WHERE state = 'parked' AND due_at > :furthest
       AND task_type IN (SELECT name FROM task_types)
""")
_PULL_BACK_BREAKERS = text("""
    UPDATE services SET breaker_open_until = :now WHERE breaker_open_until > :furthest
""")
_ANY_WITHOUT_STREAM = text("""
    SELECT 1 FROM frames
     WHERE state = 'pending' AND stream IS NULL AND task_type IN :task_types LIMIT 1
""").bindparams(bindparam("task_types", expanding=True))
_GIVE_STREAM = text("""
    UPDATE frames SET stream = task_id
     WHERE state = 'pending' AND stream IS NULL AND task_type IN :task_types
""").bindparams(bindparam("task_types", expanding=True))


def follow_clock(conn: Connection, now: float, lease_sec: float) -> int:
    """After the clock was set back, let nothing wait for a time far ahead; how many did.

    Think of a box without a battery clock that comes up an hour before its power was lost.
    """
    leases = {"now": now, "expires_at": now + lease_sec}
    moved = conn.execute(_SHORTEN_LEASES, leases).rowcount
    for statement in (_PULL_BACK_FRAMES, _PULL_BACK_PARKED, _PULL_BACK_BREAKERS):
        values = {"now": now, "furthest": now + _LONGEST_WAIT_SEC}
        moved += conn.execute(statement, values).rowcount
    return moved


def any_without_stream(conn: Connection, task_types: Sequence[str]) -> bool:
    """Whether a pending frame of these types was recorded before they kept a state per camera."""
    if not task_types:
        return False
    return conn.execute(_ANY_WITHOUT_STREAM, {"task_types": task_types}).first() is not None


def give_streams(conn: Connection, task_types: Sequence[str]) -> int:
    """Put pending frames of these types into the order of their cameras; how many."""
    return conn.execute(_GIVE_STREAM, {"task_types": task_types}).rowcount
