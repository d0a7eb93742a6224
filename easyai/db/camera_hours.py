"""The SQL of the fates of frames by camera and hour, and of the cameras; kept for a week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, text

from easyai.db.locks import Skipping
from easyai.db.many import ManyRows
from easyai.domain.frame import Outcome

HOUR_SEC: Final = 3600
_KEPT_HOURS: Final = 7 * 24
_ADD: Final = ManyRows(
    "INSERT INTO camera_hours (hour, task_id, task_type, outcome, frames) "
    "SELECT {hour}, {task_id}, {task_type}, {outcome}, {frames} {rows} WHERE true "
    "ON CONFLICT (hour, task_id, task_type, outcome) DO UPDATE "
    "SET frames = camera_hours.frames + excluded.frames",
    {"hour": int, "task_id": str, "task_type": str, "outcome": str, "frames": int},
)
# Lists of cameras read this table: `camera_hours` has a row for each hour and outcome. A row whose
# hour is known is only locked.
_SEEN: Final = ManyRows(
    "INSERT INTO camera_types (task_id, task_type, last_hour) "
    "SELECT {task_id}, {task_type}, {last_hour} {rows} WHERE true "
    "ON CONFLICT (task_id, task_type) DO UPDATE SET last_hour = excluded.last_hour "
    "WHERE excluded.last_hour > camera_types.last_hour",
    {"task_id": str, "task_type": str, "last_hour": int},
)
# The hours are listed: each is a look-up by the primary key. A count below 0 (see `taken_back`)
# lowers no other count: every statement leaves it out.
_OF_CAMERA: Final = text("""
    SELECT hour, outcome, CAST(sum(frames) AS BIGINT) AS frames FROM camera_hours
     WHERE hour IN :hours AND task_id = :task_id AND frames > 0 GROUP BY hour, outcome
""").bindparams(bindparam("hours", expanding=True))
_TYPES_OF: Final = text("""
    SELECT task_type FROM camera_types WHERE task_id = :task_id AND last_hour >= :since
""")
_TYPES: Final = text("""
    SELECT task_id, task_type FROM camera_types WHERE last_hour >= :since
     ORDER BY task_id, task_type LIMIT :most
""")
_TRIM: Final = text("""
    DELETE FROM camera_hours WHERE (hour, task_id, task_type, outcome) IN
      (SELECT hour, task_id, task_type, outcome FROM camera_hours
        WHERE hour < :before OR hour > :ahead LIMIT :most)
""")
# Skips a camera that is just coming back; its row is then no row to delete.
_TRIM_TYPES: Final = Skipping("""
    DELETE FROM camera_types WHERE (task_id, task_type) IN
      (SELECT task_id, task_type FROM camera_types
        WHERE last_hour < :before OR last_hour > :ahead LIMIT :most {skipping})
""")

Settled = Mapping[tuple[str, str, str], int]  # frames by camera, task type and outcome
ByHour = Mapping[tuple[int, str, str, str], int]  # with the hour of `hour_of` first


def hour_of(moment: float) -> int:
    """The hour in which a frame counts that was settled at this time (Unix seconds)."""
    return int(moment) // HOUR_SEC


def add(conn: Connection, settled: Settled, now: float) -> None:
    """Add settled frames to the current hour; see `add_by_hour`."""
    hour = hour_of(now)
    add_by_hour(conn, {(hour, *key): count for key, count in settled.items()})


def add_by_hour(conn: Connection, settled: ByHour) -> None:
    """Add settled frames; after the other totals, locked in order of the key.

    The same lock order as in all transactions.
    """
    rows = [
        {"hour": hour, "task_id": task_id, "task_type": name, "outcome": outcome, "frames": count}
        for (hour, task_id, name, outcome), count in sorted(settled.items())
    ]
    _ADD.run(conn, rows)
    seen: dict[tuple[str, str], int] = {}
    for (hour, task_id, name, _), count in settled.items():
        if count > 0:
            seen[task_id, name] = max(hour, seen.get((task_id, name), hour))
    types = sorted(seen.items())
    _SEEN.run(conn, [{"task_id": c, "task_type": t, "last_hour": hour} for (c, t), hour in types])


def taken_back(failures: Iterable[tuple[str, str, float]], now: float) -> ByHour:
    """What to add for frames that have failed and are now something else.

    `failures`: camera, task type and time of the failure (Unix seconds). A count may fall below 0
    for up to ten seconds, until the process that settled the frames writes it; for good if that
    process was killed before.
    """
    counts: Counter[tuple[int, str, str, str]] = Counter()
    for task_id, task_type, failed_at in failures:
        counts[hour_of(failed_at), task_id, task_type, str(Outcome.FAILED)] -= 1
    kept = hour_of(now) - _KEPT_HOURS
    return {key: count for key, count in counts.items() if key[0] >= kept}


def of_camera(conn: Connection, task_id: str, hours: range) -> dict[tuple[int, str], int]:
    """The frames of a camera by hour (Unix seconds / 3600) and outcome."""
    rows = conn.execute(_OF_CAMERA, {"hours": list(hours), "task_id": task_id})
    return {(row.hour, row.outcome): row.frames for row in rows}


def types_of(conn: Connection, task_id: str, since_hour: int) -> set[str]:
    """The task types of a camera's settled frames since an hour."""
    return set(conn.execute(_TYPES_OF, {"task_id": task_id, "since": since_hour}).scalars())


def types(conn: Connection, since_hour: int, most: int) -> dict[str, set[str]]:
    """The task types of settled frames since an hour, by camera.

    Of the first cameras by name; `most`: cameras with their types, each counted by itself.
    """
    found: dict[str, set[str]] = {}
    for task_id, task_type in conn.execute(_TYPES, {"since": since_hour, "most": most}):
        found.setdefault(task_id, set()).add(task_type)
    return found


def trim(conn: Connection, now: float, most: int) -> int:
    """Delete what is over a week old, and of a clock that was ahead.

    Returns how many rows were deleted: at most `most` of each table.
    """
    hour = hour_of(now)
    limits = {"before": hour - _KEPT_HOURS, "ahead": hour + 1, "most": most}
    return sum(conn.execute(sql, limits).rowcount for sql in (_TRIM, _TRIM_TYPES.on(conn)))
