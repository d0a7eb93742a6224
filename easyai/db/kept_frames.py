"""The SQL of lists of failed and parked frames, newest first, whatever their number.

Each task type is read along its own index; a choice of camera reads a bounded number of frames a
call. So a part may have fewer frames than asked for, or none, and yet not be the last part.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import frame_counts, frames
from easyai.db.frames import FrameRow
from easyai.domain.frame import FrameState

_READ: Final = 2048  # frames that a call reads for a camera, of all types together
_MOMENT: Final = {FrameState.FAILED: "settled_at", FrameState.PARKED: "due_at"}
#: The states that can be listed.
STATES: Final = tuple(_MOMENT)
_OF_TYPE: Final = """
    SELECT id, at, task_id FROM (
        SELECT id, {moment} AS at, task_id FROM frames
         WHERE state = '{state}' AND task_type = :task_type
           AND {moment} <= :at AND ({moment} < :at OR id < :id)
         ORDER BY {moment} DESC, id DESC LIMIT :read
    ) AS newest ORDER BY at DESC, id DESC
"""
_LATEST: Final = 9e15


class Place(NamedTuple):
    """Where a part of a list begins: at older frames than this time and id."""

    at: float
    id: int


class FrameList(NamedTuple):
    """A part of a list."""

    rows: list[FrameRow]
    next: Place | None  # None: this is the last part


def page(
    conn: Connection,
    state: FrameState,
    most: int,
    *,
    task_type: str | None = None,
    task_id: str | None = None,
    before: Place | None = None,
) -> FrameList:
    """Frames in a state (`STATES`), of a task type and a camera if they are given."""
    start = before or Place(_LATEST, 2**63 - 1)
    names = [task_type] if task_type is not None else frame_counts.types(conn, state)
    read = most + 1 if task_id is None else max(1, _READ // max(1, len(names)))
    lists, end = [], None
    for name in names:
        own = _of_type(conn, state, name, start, read)
        if len(own) == read:  # this type has more, and nothing older may be shown before them
            last = Place(own[-1].at, own[-1].id)
            end = last if end is None else max(end, last)
        lists.append([row for row in own if task_id in (None, row.task_id)])
    merged = heapq.merge(*lists, key=lambda row: (row.at, row.id), reverse=True)
    wanted = [row for row in merged if end is None or (row.at, row.id) >= end]
    if len(wanted) > most:
        wanted = wanted[:most]
        end = Place(wanted[-1].at, wanted[-1].id)
    details = {row.id: row for row in frames.by_ids(conn, [row.id for row in wanted])}
    # A frame may have been requeued since, or deleted.
    return FrameList([details[row.id] for row in wanted if row.id in details], end)


def _of_type(
    conn: Connection, state: FrameState, name: str, start: Place, read: int
) -> Sequence[Any]:
    statement = text(_OF_TYPE.format(state=state, moment=_MOMENT[state]))
    values = {"task_type": name, "at": start.at, "id": start.id, "read": read}
    return conn.execute(statement, values).all()
