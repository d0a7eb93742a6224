"""The SQL of lists of alerts: at a million alerts each list reads some thousand index entries.

The order is that of the ids, newest first. Why: docs/decisions/0038-lists-of-a-million.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, text

from easyai.db import alert_counts
from easyai.db.alert_filter import AlertFilter
from easyai.db.alerts import ALERTS, AlertRow

_AT_ONCE: Final = 500  # ids in a statement
_OF_CAMERA: Final = "SELECT count(*) FROM alerts WHERE true {where}"
_IDS_OF_CAMERA: Final = """
    SELECT id FROM alerts WHERE id < :before {where} ORDER BY id DESC LIMIT :most OFFSET :skipped
"""
_NTH_OF_CAMERA: Final = text("""
    SELECT id FROM alerts WHERE task_id = :task_id AND id BETWEEN :first_id AND :last_id
     ORDER BY id DESC LIMIT 1 OFFSET :newer
""")
_IDS: Final = """
    SELECT id FROM alerts {index} WHERE id BETWEEN :first_id AND :last_id {where}
     ORDER BY id DESC LIMIT :most OFFSET :skipped
"""
# Jumps from camera to camera: DISTINCT would read the entries of all alerts.
_TASK_IDS: Final = text("""
    WITH RECURSIVE camera (task_id) AS (
        SELECT (SELECT task_id FROM alerts ORDER BY task_id LIMIT 1)
        UNION ALL
        SELECT (SELECT alerts.task_id FROM alerts WHERE alerts.task_id > camera.task_id
                 ORDER BY alerts.task_id LIMIT 1)
          FROM camera WHERE camera.task_id IS NOT NULL
    )
    SELECT task_id FROM camera WHERE task_id IS NOT NULL ORDER BY task_id
""")
_BEYOND_ALL: Final = 2**63 - 1


class AlertList(NamedTuple):
    """A part of a list of alerts."""

    rows: list[AlertRow]  # newest first
    total: int  # alerts of the whole list
    next: int | None  # `before` of the next part; None: this is the last part


def page(
    conn: Connection,
    wanted: AlertFilter,
    limit: int,
    offset: int = 0,
    *,
    before: int | None = None,
) -> AlertList:
    """The alerts of a list after the newest `offset`, or with ids below `before`.

    With `before`, `offset` is 0. The total and the alerts agree only within `Database.snapshot`.
    """
    find = _in_blocks if wanted.task_id is None else _of_camera
    ids, total = find(conn, wanted, limit + 1, offset, before or _BEYOND_ALL)
    shown = ids[:limit]
    return AlertList(rows(conn, shown), total, shown[-1] if len(ids) > limit else None)


def task_ids(conn: Connection) -> list[str]:
    """The cameras that have alerts."""
    return list(conn.execute(_TASK_IDS).scalars())


def after_newest(
    conn: Connection, task_id: str, first_id: int, last_id: int, newest: int
) -> int | None:
    """The id of a camera's next alert after its `newest` alerts within two ids; None: none."""
    place = {"task_id": task_id, "first_id": first_id, "last_id": last_id, "newer": newest}
    found: int | None = conn.execute(_NTH_OF_CAMERA, place).scalar()
    return found


def _of_camera(
    conn: Connection, wanted: AlertFilter, most: int, offset: int, before: int
) -> tuple[list[int], int]:
    where, values = wanted.conditions()
    total = conn.execute(text(_OF_CAMERA.format(where=where)), values).scalar_one()
    if offset >= total:
        return [], total
    place = {"before": before, "most": most, "skipped": offset}
    found = conn.execute(text(_IDS_OF_CAMERA.format(where=where)), {**values, **place})
    return list(found.scalars()), total


def _in_blocks(
    conn: Connection, wanted: AlertFilter, most: int, offset: int, before: int
) -> tuple[list[int], int]:
    blocks = alert_counts.blocks(conn, wanted)
    where, values = wanted.conditions()
    statement = text(_IDS.format(index=alert_counts.BY_INDEX[conn.dialect.name], where=where))
    ids: list[int] = []
    for block in blocks:
        if offset >= block.alerts:
            offset -= block.alerts
            continue
        if block.first_id >= before:
            continue
        if len(ids) >= most:
            break
        if block.first_id == block.last_id:
            ids.append(block.first_id)
            continue
        place = {
            "first_id": block.first_id,
            "last_id": min(block.last_id, before - 1),
            "most": most - len(ids),
            "skipped": offset,
        }
        ids += conn.execute(statement, {**values, **place}).scalars()
        offset = 0
    return ids, sum(block.alerts for block in blocks)


def rows(conn: Connection, ids: Sequence[int]) -> list[AlertRow]:
    """The alerts with these ids, which are given and returned newest first."""
    found: list[AlertRow] = []
    for start in range(0, len(ids), _AT_ONCE):
        some = ALERTS.c.id.in_(ids[start : start + _AT_ONCE])
        found += conn.execute(select(*ALERTS.c).where(some).order_by(ALERTS.c.id.desc()))
    return found
