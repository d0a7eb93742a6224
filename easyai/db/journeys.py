"""The SQL of traces: data of settled frames for spans."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

_TIMES = text("SELECT id, captured_at, found_at FROM frames WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_FRAMES = text(
    "SELECT id, frame_id FROM alerts WHERE id IN :ids AND frame_id IS NOT NULL"
).bindparams(bindparam("ids", expanding=True))


def times(conn: Connection, frame_ids: Sequence[int]) -> dict[int, tuple[float, float]]:
    """When frames were captured and found, by id."""
    return {row[0]: (row[1], row[2]) for row in conn.execute(_TIMES, {"ids": list(frame_ids)})}


def frames(conn: Connection, alert_ids: Sequence[int]) -> dict[int, int]:
    """The frames of alerts, by the alert's id."""
    return {row[0]: row[1] for row in conn.execute(_FRAMES, {"ids": list(alert_ids)})}
