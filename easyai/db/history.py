"""The SQL of forgetting: what is over and old leaves the tables, a few hundred rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, text

from easyai.db.locks import lock_in_order

CHUNK: Final = 500  # rows in one transaction: scans, heartbeats and settling get their turn

_NEWEST_FRAME = text("SELECT coalesce(max(id), 0) FROM frames")
# Rows are read by their number, the oldest first: what the chunk costs does not grow with history.
_FRAMES_AFTER = text("""
    SELECT id, settled_at,
           CASE WHEN state IN ('done', 'dropped') AND settled_at IS NOT NULL
                 AND image_target IS NULL AND image_path IS NOT NULL THEN 1 ELSE 0 END AS is_over
      FROM frames WHERE id > :after ORDER BY id LIMIT :most
""")
_FORGET_FRAMES = text("""
    DELETE FROM frames
     WHERE id IN :ids AND state IN ('done', 'dropped')
       AND image_target IS NULL AND image_path IS NOT NULL
""").bindparams(bindparam("ids", expanding=True))
_FORGET_PROCESSES = text("""
    DELETE FROM processes
     WHERE beat_at < :before AND beat_at < (SELECT max(beat_at) FROM processes) - :silent_sec
""")


@dataclass(frozen=True, slots=True)
class OldFrame:
    """A frame as upkeep looks at it."""

    id: int
    settled_at: float | None
    is_over: bool  # settled for good, and its picture is where it should be


class Log:
    """A table of things that happened, numbered in the order of their time."""

    def __init__(self, table: str, time_column: str, condition: str) -> None:
        self.table = table
        self._newest = text(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608
        self._oldest = text(
            f"SELECT {time_column} FROM {table} "  # noqa: S608
            f"WHERE {condition} ORDER BY {time_column} LIMIT 1"
        )
        # One by number and one by time: each reads along its own index. The newest row stays, for
        # SQLite would give its number to the next.
        self._forget = [
            text(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} "  # noqa: S608
                f"WHERE {old} AND {condition} AND id < :newest ORDER BY {order} LIMIT :most)"
            )
            for old, order in (
                ("id <= :furthest", "id"),
                (f"{time_column} < :before", time_column),
            )
        ]

    def newest(self, conn: Connection) -> int:
        """The highest number; 0 when the table is empty."""
        number: int = conn.execute(self._newest).scalar_one()
        return number

    def oldest_at(self, conn: Connection) -> float | None:
        """The time of the oldest row that may be forgotten."""
        at: float | None = conn.execute(self._oldest).scalar_one_or_none()
        return at

    def forget(self, conn: Connection, newest: int, kept: int, before: float) -> int:
        """Forget the oldest rows beyond the newest `kept` or before a moment; how many.

        At most `CHUNK` rows; fewer when nothing is left to forget.
        """
        values = {"newest": newest, "furthest": newest - kept, "before": before}
        forgotten = 0
        for statement in self._forget:
            most = CHUNK - forgotten
            forgotten += conn.execute(statement, values | {"most": most}).rowcount
        return forgotten


# The event of the installation is the beginning of every timeline: it stays for ever.
EVENTS: Final = Log("events", "at", "kind <> 'installed'")
ALARMS: Final = Log("alarms", "over_at", "over_at IS NOT NULL")


def newest_frame(conn: Connection) -> int:
    """The highest number of a frame; 0 when there is none."""
    number: int = conn.execute(_NEWEST_FRAME).scalar_one()
    return number


def frames_after(conn: Connection, after: int) -> list[OldFrame]:
    """The next `CHUNK` frames by number."""
    rows = conn.execute(_FRAMES_AFTER, {"after": after, "most": CHUNK})
    return [OldFrame(row.id, row.settled_at, bool(row.is_over)) for row in rows]


def forget_frames(conn: Connection, ids: Sequence[int]) -> int:
    """Forget frames that are over; how many were."""
    lock_in_order(conn, "frames", ids)
    return conn.execute(_FORGET_FRAMES, {"ids": ids}).rowcount if ids else 0


def forget_processes(conn: Connection, now: float, silent_sec: float) -> int:
    """Forget processes silent for so long, by the clock and by the newest sign of another."""
    values = {"before": now - silent_sec, "silent_sec": silent_sec}
    return conn.execute(_FORGET_PROCESSES, values).rowcount
