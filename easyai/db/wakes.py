"""The SQL of the doorbell: which task types have a wake under way that no worker has answered yet.

A wake is the Celery message that asks a worker to look for frames of a task type.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

_LOCK = text("""
    SELECT name FROM task_types WHERE name IN :names ORDER BY name FOR UPDATE
""").bindparams(bindparam("names", expanding=True))
_CLAIM = text("""
    UPDATE task_types SET rung_at = :now
     WHERE name IN :names AND (rung_at <= :now - :quiet_sec OR rung_at > :now)
    RETURNING name
""").bindparams(bindparam("names", expanding=True))
_ANSWER = text("""
    UPDATE task_types SET rung_at = 0 WHERE name IN :names AND rung_at <> 0
""").bindparams(bindparam("names", expanding=True))


def claim(conn: Connection, names: Sequence[str], now: float, quiet_sec: float) -> list[str]:
    """The given types that need a wake now, in order of name; records the wakes.

    Leaves out unknown types, and types with an unanswered wake in the last `quiet_sec` seconds.
    """
    if not (known := lock(conn, names)):
        return []
    values = {"names": known, "now": now, "quiet_sec": quiet_sec}
    return sorted(conn.execute(_CLAIM, values).scalars())


def answer(conn: Connection, names: Sequence[str], *, also: Sequence[str] = ()) -> None:
    """Record that a worker has woken for these types: the next wakes may be sent at once.

    Also locks the rows of `also`, which the transaction will write later.
    """
    known = set(lock(conn, sorted({*names, *also})))
    if woken := [name for name in names if name in known]:
        conn.execute(_ANSWER, {"names": woken})


def lock(conn: Connection, names: Sequence[str]) -> list[str]:
    """Lock the rows of types, in order of name, so that two transactions never deadlock.

    Returns the types that exist. A row that is added later is not locked, so the transaction must
    not write it.
    """
    if not names or conn.dialect.name == "sqlite":
        return list(names)
    return list(conn.execute(_LOCK, {"names": names}).scalars())
