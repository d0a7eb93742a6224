"""The SQL of retention: deletes old rows that are over, a few hundred at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, text

from easyai.db.locks import lock_in_order

CHUNK: Final = 500  # rows per transaction: scans, heartbeats and settling run in between

_NEWEST_FRAME = text("SELECT coalesce(max(id), 0) FROM frames")
# Rows are read by id, the oldest first: the cost of a chunk does not grow with the history.
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
    """A frame as upkeep reads it."""

    id: int
    settled_at: float | None
    is_over: bool  # settled for good, and its picture is at its target


class Log:
    """A table of events or alarms, numbered in order of time."""

    def __init__(self, table: str, time_column: str, condition: str) -> None:
        self.table = table
        self._newest = text(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608
        self._oldest = text(
            f"SELECT {time_column} FROM {table} "  # noqa: S608
            f"WHERE {condition} ORDER BY {time_column} LIMIT 1"
        )
        # A statement by id and a statement by time: each reads along its own index. The newest row
        # stays, because SQLite would give its id to the next row.
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
        """The highest id; 0 when the table is empty."""
        number: int = conn.execute(self._newest).scalar_one()
        return number

    def oldest_at(self, conn: Connection) -> float | None:
        """The time of the oldest row that may be deleted; None when there is no such row."""
        at: float | None = conn.execute(self._oldest).scalar_one_or_none()
        return at

    def forget(self, conn: Connection, newest: int, kept: int, before: float) -> int:
        """Delete the oldest rows beyond the newest `kept` or before a moment; returns how many.

        Deletes at most `CHUNK` rows; fewer when no other row may be deleted.
        """
        values = {"newest": newest, "furthest": newest - kept, "before": before}
        forgotten = 0
        for statement in self._forget:
            most = CHUNK - forgotten
            forgotten += conn.execute(statement, values | {"most": most}).rowcount
        return forgotten


# The event of the installation begins every timeline, so it stays for ever.
EVENTS: Final = Log("events", "at", "kind <> 'installed'")
ALARMS: Final = Log("alarms", "over_at", "over_at IS NOT NULL")


def newest_frame(conn: Connection) -> int:
    """The highest id of a frame; 0 when there is no frame."""
    number: int = conn.execute(_NEWEST_FRAME).scalar_one()
    return number


def frames_after(conn: Connection, after: int) -> list[OldFrame]:
    """The next `CHUNK` frames by id."""
    rows = conn.execute(_FRAMES_AFTER, {"after": after, "most": CHUNK})
    return [OldFrame(row.id, row.settled_at, bool(row.is_over)) for row in rows]


def forget_frames(conn: Connection, ids: Sequence[int]) -> int:
    """Delete frames that are over; returns how many."""
    lock_in_order(conn, "frames", ids)
    return conn.execute(_FORGET_FRAMES, {"ids": ids}).rowcount if ids else 0


def forget_processes(conn: Connection, now: float, silent_sec: float) -> int:
    """Delete processes that were silent for `silent_sec`; returns how many.

    Both the clock and the newest heartbeat of another process must be that much later.
    """
    values = {"before": now - silent_sec, "silent_sec": silent_sec}
    return conn.execute(_FORGET_PROCESSES, values).rowcount
