"""The SQL that repairs rows after a change of the clock or of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, text

from easyai.db.locks import Skipping
from easyai.db.services import lock
from easyai.db.waiting import LONGEST_WAIT_SEC

AT_ONCE: Final = 5000  # frames per transaction: dispatch, heartbeats and settling run between

# Shorten leases that were taken in the future. Living workers renew their leases; the lease of a
# dead worker expires.
_SHORTEN_LEASES = Skipping("""
    UPDATE frames SET lease_expires_at = :expires_at
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'leased' AND leased_at > :now
                     AND lease_expires_at > :expires_at {skipping})
""")
# A statement for each state, for its partial index; the frames that are due first go first.
_PULL_BACK_FRAMES = [
    Skipping(f"""
        UPDATE frames SET due_at = :now
         WHERE id IN (SELECT id FROM frames
                       WHERE state = '{state}' AND due_at > :furthest
                         AND task_type IN (SELECT name FROM task_types)
                       LIMIT :most {{skipping}})
    """)  # noqa: S608
    for state in ("pending", "parked")
]
_LATE_BREAKERS = text("SELECT pk FROM services WHERE breaker_open_until > :furthest")
_PULL_BACK_BREAKERS = text("""
    UPDATE services SET breaker_open_until = :now WHERE breaker_open_until > :furthest
""")
_ANY_WITHOUT_STREAM = text("""
    SELECT 1 FROM frames
     WHERE state = 'pending' AND stream IS NULL AND task_type IN :task_types LIMIT 1
""").bindparams(bindparam("task_types", expanding=True))
_GIVE_STREAM = Skipping(
    """
    UPDATE frames SET stream = task_id
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'pending' AND stream IS NULL AND task_type IN :task_types
                   LIMIT :most {skipping})
    """,
    "task_types",
)


def follow_clock(conn: Connection, now: float, lease_sec: float) -> int:
    """Shorten leases and breakers that are too long after the clock was set back; returns how many.

    For example, a box without a battery clock starts an hour before the time of its power loss.
    """
    leases = {"now": now, "expires_at": now + lease_sec}
    breakers = {"now": now, "furthest": now + LONGEST_WAIT_SEC}
    # Lock services before frames, as in all transactions.
    if late := sorted(conn.execute(_LATE_BREAKERS, breakers).scalars()):
        lock(conn, late)
    moved = conn.execute(_PULL_BACK_BREAKERS, breakers).rowcount if late else 0
    return moved + conn.execute(_SHORTEN_LEASES.on(conn), leases).rowcount


def pull_back(conn: Connection, now: float) -> int:
    """Make frames due that wait too long after the clock was set back; returns how many.

    Call it inside a `Database.dispatching` transaction. Changes at most `AT_ONCE` frames; fewer
    when no such frame is left.
    """
    values, moved = {"now": now, "furthest": now + LONGEST_WAIT_SEC}, 0
    for statement in _PULL_BACK_FRAMES:
        moved += conn.execute(statement.on(conn), values | {"most": AT_ONCE - moved}).rowcount
    return moved


def any_without_stream(conn: Connection, task_types: Sequence[str]) -> bool:
    """Whether a pending frame of these types was recorded before they kept a state per camera."""
    if not task_types:
        return False
    return conn.execute(_ANY_WITHOUT_STREAM, {"task_types": task_types}).first() is not None


def give_streams(conn: Connection, task_types: Sequence[str]) -> int:
    """Put pending frames of these types into the order of their cameras; returns how many.

    Call it inside a `Database.dispatching` transaction. Changes at most `AT_ONCE` frames; fewer
    when no such frame is left.
    """
    values = {"task_types": task_types, "most": AT_ONCE}
    return conn.execute(_GIVE_STREAM.on(conn), values).rowcount
