"""The SQL of the ledger that records pictures as frames, and lists recorded frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import direct
from easyai.db.many import ManyRows

# An arbitrary number, not the number of db/session.py, the same in every process.
_RECORD_LOCK: Final = text("SELECT pg_advisory_xact_lock(7234315)")


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A picture found for the first time."""

    key: str
    task_type: str
    task_id: str
    version: str
    captured_at: float
    stream: str | None


class Recorded(NamedTuple):
    """A frame with the values by which a scan recognises it."""

    key: str
    version: str
    in_place: bool


_NEWEST_ID = text("SELECT coalesce(max(id), 0) FROM frames")
_RECORDED_SINCE = text("""
    SELECT key, version, image_path IS NULL FROM frames WHERE id > :newest_id ORDER BY id
""")
# In the order of the index, so that the index is all that is read.
_KEYS_IN_PLACE = text("SELECT key FROM frames WHERE image_path IS NULL ORDER BY key")
_ADD = ManyRows(
    """
    INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at, due_at,
                        stream)
    SELECT {key}, {task_type}, {task_id}, 'pending', {version}, {captured_at}, {now}, {now},
           {stream}
    {rows} WHERE true
    ON CONFLICT (key) WHERE image_path IS NULL DO NOTHING
    """,
    {
        "key": str,
        "task_type": str,
        "task_id": str,
        "version": str,
        "captured_at": float,
        "now": float,
        "stream": str,
    },
)


def newest_id(conn: Connection) -> int:
    """The id of the last recorded frame; 0 when there is no frame."""
    frame_id: int = direct.value(conn, _NEWEST_ID)
    return frame_id


def recorded_since(conn: Connection, newest_id: int) -> list[Recorded]:
    """The frames recorded after the frame `newest_id`, in any state."""
    found = direct.rows(conn, _RECORDED_SINCE, {"newest_id": newest_id})
    return [Recorded(*row) for row in found]


def keys_in_place(conn: Connection) -> set[str]:
    """The keys of all frames whose picture is still at its key: waiting or not moved yet."""
    return {row[0] for row in direct.rows(conn, _KEYS_IN_PLACE)}


def record_alone(conn: Connection) -> None:
    """Keep other transactions from recording frames until this transaction ends.

    So ids become visible in order, and `recorded_since` misses no frame. SQLite has a single
    writer.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(_RECORD_LOCK)


def add(conn: Connection, frames: Sequence[NewFrame], now: float) -> None:
    """Record new frames as pending; a frame that another process just recorded stays unchanged."""
    rows = [
        {
            "key": frame.key,
            "task_type": frame.task_type,
            "task_id": frame.task_id,
            "version": frame.version,
            "captured_at": frame.captured_at,
            "stream": frame.stream,
            "now": now,
        }
        for frame in frames
    ]
    _ADD.run(conn, rows)
