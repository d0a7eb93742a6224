"""The SQL that counts the frames of a state by task type, whatever their number."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, TextClause, text

from easyai.domain.frame import FrameState

_MOST_TYPES: Final = 500
_ENTRIES: Final = 20_000  # of the index that a call reads, of all types together
_UP_TO: Final = (10_000, 5000, 2000, 1000, 500, 200, 100)
# The next task type by a jump in the index: DISTINCT would read every frame.
_HELD: Final = """
    WITH RECURSIVE held (name) AS (
        SELECT min(task_type) FROM frames WHERE state = '{state}'
        UNION ALL
        SELECT (SELECT min(task_type) FROM frames
                 WHERE state = '{state}' AND task_type > held.name)
          FROM held WHERE held.name IS NOT NULL
    )
"""
_TYPES: Final = f"{_HELD} SELECT name FROM held WHERE name IS NOT NULL LIMIT :types"  # noqa: S608
_COUNTS: Final = f"""
    {_HELD}
    SELECT name, (SELECT count(*) FROM (
               SELECT 1 FROM frames
                WHERE state = '{{state}}' AND task_type = held.name LIMIT :most) AS counted)
      FROM held WHERE name IS NOT NULL LIMIT :types
"""  # noqa: S608


class FrameCounts(NamedTuple):
    """How many frames of a state there are."""

    by_type: dict[str, int]
    most: int  # a type with so many frames may have more


def types(conn: Connection, state: FrameState, most: int = _MOST_TYPES) -> list[str]:
    """The task types that have frames in a state of `LIVE`: the first `most` by name."""
    return list(conn.execute(_statement(_TYPES, state), {"types": most}).scalars())


def by_type(conn: Connection, state: FrameState) -> FrameCounts:
    """Count the frames in a state of `LIVE`, up to a round number that falls with more types."""
    held = len(types(conn, state))
    most = next((most for most in _UP_TO if most * held <= _ENTRIES), _UP_TO[-1])
    values = {"most": most, "types": _MOST_TYPES}
    rows = conn.execute(_statement(_COUNTS, state), values)
    return FrameCounts({row[0]: row[1] for row in rows}, most)


def _statement(sql: str, state: FrameState) -> TextClause:
    return text(sql.format(state=state))
