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
    if not (there := lock(conn, names)):
        return []
    values = {"names": there, "now": now, "quiet_sec": quiet_sec}
    return sorted(conn.execute(_CLAIM, values).scalars())


def answer(conn: Connection, names: Sequence[str], *, also: Sequence[str] = ()) -> None:
    """A worker has woken for these types: the next wakes may be sent at once.

    The rows of `also` are locked with them, for what the transaction will write there.
    """
    there = set(lock(conn, sorted({*names, *also})))
    if woken := [name for name in names if name in there]:
        conn.execute(_ANSWER, {"names": woken})


def lock(conn: Connection, names: Sequence[str]) -> list[str]:
    """Lock the rows of types, in order of name, so that two who lock many never wait in a ring.

    Those that were there: one that comes after this must not be written, for it was not locked.
    """
    if not names or conn.dialect.name == "sqlite":
        return list(names)
    return list(conn.execute(_LOCK, {"names": names}).scalars())
