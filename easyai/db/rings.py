"""The SQL of wakes: who rings for a task type says so here, until a worker has answered."""

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
    """Those of the types to send a wake for, in order of name.

    Not those for which one of the last `quiet_sec` seconds is unanswered, nor unknown ones.
    """
    lock(conn, names)
    values = {"names": names, "now": now, "quiet_sec": quiet_sec}
    return sorted(conn.execute(_CLAIM, values).scalars())


def answer(conn: Connection, names: Sequence[str], *, locked: bool = False) -> None:
    """A worker has woken for these types: the next wakes may be sent at once."""
    if names:
        if not locked:
            lock(conn, names)
        conn.execute(_ANSWER, {"names": names})


def lock(conn: Connection, names: Sequence[str]) -> None:
    """Lock the rows of types, in order of name, so that two who lock many never wait in a ring."""
    if names and conn.dialect.name != "sqlite":
        conn.execute(_LOCK, {"names": names})
