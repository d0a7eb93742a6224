"""The SQL of `max_task_types`: which task types this installation keeps a row for.

A type loses its row only while no frame names the type, so no frame waits unseen. A process that
records frames has recorded their types within the last hours (`add_framed`), and a recently
recorded type never loses its row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, bindparam, text

from easyai.db import direct, task_types, wakes
from easyai.domain import type_places
from easyai.domain.type_places import RENEW_SEC, KnownType, Naming

_KNOWN = text("SELECT name, seen_at, framed_at FROM task_types ORDER BY name")
_REGISTERED = text("""
    SELECT DISTINCT task_type FROM service_task_types
      JOIN services ON services.pk = service_task_types.service_pk
     WHERE services.state <> 'unregistered'
""")
_LEASED = text("SELECT DISTINCT task_type FROM frames WHERE state = 'leased'")
# The recursion jumps from type to type along the index instead of reading every frame.
_IN_STATE = {
    state: text(f"""
        WITH RECURSIVE held(task_type) AS (
            SELECT min(task_type) FROM frames WHERE state = '{state}'
            UNION ALL
            SELECT (SELECT min(task_type) FROM frames
                     WHERE state = '{state}' AND task_type > held.task_type)
              FROM held WHERE held.task_type IS NOT NULL
        )
        SELECT task_type FROM held WHERE task_type IS NOT NULL
    """)  # noqa: S608
    for state in ("pending", "parked", "failed")
}
_FRESH = {
    column: text(f"""
        SELECT name FROM task_types
         WHERE name IN :names AND {column} BETWEEN :now - :renew_sec AND :now + :renew_sec
    """).bindparams(bindparam("names", expanding=True))  # noqa: S608
    for column in ("seen_at", "framed_at")
}
_ADD_FRAMED = text("""
    INSERT INTO task_types (name, first_seen, seen_at, framed_at) VALUES (:name, :now, :now, :now)
    ON CONFLICT (name) DO UPDATE
       SET seen_at = excluded.seen_at, framed_at = excluded.framed_at
""")
# Only if the row is unchanged since it was chosen: a type that was named meanwhile stays.
_FORGET = text("""
    DELETE FROM task_types
     WHERE name = :name AND seen_at = :seen_at AND framed_at = :framed_at
""")
# Without the lock two processes would both assign the last places, and deadlock on their new rows.
# The number is arbitrary but the same in every process.
_PLACES_LOCK = text("SELECT pg_advisory_xact_lock(7234316)")
_BATCH = 500  # names in an IN list


def known(conn: Connection) -> list[KnownType]:
    """Every task type, in order of name."""
    return [KnownType(*row) for row in conn.execute(_KNOWN)]


def naming(conn: Connection, by_settings: Iterable[str]) -> Naming:
    """The task types that settings, frames or services name now; the cost grows with the types."""
    by_frames = set(conn.execute(_LEASED).scalars())
    by_frames |= _in_states(conn, "pending", "parked", "failed")
    by_services = frozenset(conn.execute(_REGISTERED).scalars())
    return Naming(frozenset(by_settings), frozenset(by_frames), by_services)


def waiting(conn: Connection) -> set[str]:
    """The task types with waiting frames, pending or parked."""
    return _in_states(conn, "pending", "parked")


def _in_states(conn: Connection, *states: str) -> set[str]:
    return {row[0] for state in states for row in direct.rows(conn, _IN_STATE[state])}


def registered(conn: Connection) -> frozenset[str]:
    """The task types of all services that are not unregistered."""
    return frozenset(conn.execute(_REGISTERED).scalars())


def fresh(conn: Connection, names: Collection[str], now: float) -> set[str]:
    """The given types that are known and were recorded for a frame within the last hour."""
    return _fresh(conn, "framed_at", names, now)


def _fresh(conn: Connection, column: str, names: Collection[str], now: float) -> set[str]:
    fresh_names: set[str] = set()
    wanted = sorted(names)
    for start in range(0, len(wanted), _BATCH):
        values = {"names": wanted[start : start + _BATCH], "now": now, "renew_sec": RENEW_SEC}
        fresh_names.update(conn.execute(_FRESH[column], values).scalars())
    return fresh_names


def add_framed(conn: Connection, names: Collection[str], now: float) -> None:
    """Record that frames name these types; adds the types that are new."""
    if names:  # in the same order everywhere, so that two processes never deadlock
        conn.execute(_ADD_FRAMED, [{"name": name, "now": now} for name in sorted(names)])


def forget(conn: Connection, types: Sequence[KnownType]) -> int:
    """Delete types unless they were named since they were read; returns how many."""
    rows = [
        {"name": known_type.name, "seen_at": known_type.seen_at, "framed_at": known_type.framed_at}
        for known_type in types
    ]
    return sum(conn.execute(_FORGET, row).rowcount for row in rows)


def lock_places(conn: Connection) -> None:
    """Take the lock for adding and deleting types, until the transaction ends."""
    if conn.dialect.name != "sqlite":
        conn.execute(_PLACES_LOCK)


def admit_framed(
    conn: Connection, names: Collection[str], limit: int, always: Collection[str], now: float
) -> set[str]:
    """Record types that frames name; returns the types that have or get a place.

    `limit` is the most types that are known besides the types of the settings (`always`).
    """
    lock_places(conn)
    types = known(conn)
    known_names = {known_type.name for known_type in types}
    new = sorted(set(names) - known_names - set(always))
    places = limit - type_places.counted(types, always)
    if new and len(new) > places:
        most = len(new) - places
        places += _free_places(conn, types, names, always, most, now, for_frames=True)
    admitted = set(names) - set(new[max(0, places) :])
    add_framed(conn, admitted, now)
    return admitted


def admit_registered(
    conn: Connection, names: Collection[str], limit: int, always: Collection[str], now: float
) -> int:
    """Record the types of a registration; returns how many places are missing.

    When a place is missing, no type is recorded. A registered type needs no new place, since its
    services may come back at any time.
    """
    unsure = set(names) - _fresh(conn, "seen_at", names, now)
    if not unsure:
        return 0
    lock_places(conn)
    types = known(conn)
    missing = unsure - {known_type.name for known_type in types} - set(always)
    places = limit - type_places.counted(types, always)
    new = missing
    if len(missing) > places:
        most = len(missing) - places
        places += _free_places(conn, types, names, always, most, now, for_frames=False)
        new = missing - registered(conn)
        if len(new) > places:
            return len(new) - max(0, places)
    # Some registered types have lost their place to types of frame folders. They get a place when
    # they have frames.
    without = sorted(missing - new)[max(0, places - len(new)) :]
    task_types.add(conn, unsure - set(without), now)
    return 0


def _free_places(
    conn: Connection,
    types: Sequence[KnownType],
    names: Iterable[str],
    always: Iterable[str],
    most: int,
    now: float,
    *,
    for_frames: bool,
) -> int:
    """Delete up to `most` types; returns how many. The caller writes `names` after that."""
    victims = type_places.victims(types, naming(conn, always), now, most, for_frames=for_frames)
    wakes.lock(conn, sorted({*names, *(victim.name for victim in victims)}))
    return forget(conn, victims)
