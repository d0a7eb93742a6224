"""The SQL of pictures that are moved to their alert or to the failed pictures, or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, text

from easyai.db import reasons
from easyai.db.many import ManyRows
from easyai.domain.frame import Outcome
from easyai.domain.reason import Reason

_CLOCK_WAS_SET_BACK_SEC: Final = 120.0
_CHUNK: Final = 500  # values in an IN list
_NEVER_MOVED: Final = (Outcome.MISSING, Outcome.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Uncarried:
    """A settled frame whose picture is still to be moved or deleted."""

    id: int
    key: str
    version: str
    image_path: str | None
    image_target: str


@dataclass(frozen=True, slots=True)
class FramePicture:
    """A frame's picture, as the ledger records it."""

    id: int
    key: str
    version: str
    image_path: str | None
    image_target: str | None
    state: str
    outcome: str | None
    task_type: str
    task_id: str
    lost: bool | None  # a failed frame's or an alert's picture that was missing before its move

    @property
    def never_moved(self) -> bool:
        """Whether the frame ended before its picture was found, so that we never moved it."""
        return self.outcome in _NEVER_MOVED


# Only if the target is unchanged: meanwhile the frame may have been requeued and settled again.
_CARRIED = ManyRows(
    """
    UPDATE frames SET image_path = image_target, image_target = NULL
    {rows} WHERE frames.id = {id} AND frames.image_target = {target}
    """,
    {
        "id": int,
        "target": str,
    },
)
_LOST_PICTURE = text("""
    UPDATE frames
       SET image_path = '', image_target = NULL, reason = :reason, reason_code = :reason_code,
           reason_args = :reason_args
     WHERE id = :id AND image_target = :target
""")
# An alert must not link to a missing picture, nor to another picture that comes to its path.
_LOST_OF_ALERT = text("""
    UPDATE alerts SET image_path = '', image_version = NULL
     WHERE frame_id = :id AND image_path = :target
""")
# A frame that a policy gave up, or that has an alert, keeps its outcome.
_REPLACED = text("""
    UPDATE frames
       SET image_path = '', image_target = NULL, reason = :reason, reason_code = :reason_code,
           reason_args = :reason_args,
           state = CASE WHEN state = 'failed' THEN 'done' ELSE state END,
           outcome = CASE WHEN outcome IN ('no_detection', 'failed') THEN 'superseded'
                          ELSE outcome END
     WHERE id = :id AND image_target = :target
    RETURNING outcome
""")
_RETARGET = text("""
    UPDATE frames SET image_target = :name WHERE id = :id AND image_target = :target
    RETURNING id
""")
_RETARGET_ALERT = text("""
    UPDATE alerts SET image_path = :name WHERE frame_id = :id AND image_path = :target
""")
_UNCARRIED = text("""
    SELECT id, key, version, image_path, image_target FROM frames
     WHERE image_target IS NOT NULL AND id > :after_id
       AND (settled_at <= :before OR settled_at > :ahead)
     ORDER BY id LIMIT :most
""")
# By the alert, because its path has an index; the last condition is the condition of that index.
_ON_ITS_WAY = text("""
    SELECT frames.id, frames.key, frames.version, frames.image_path, frames.image_target
      FROM alerts JOIN frames ON frames.id = alerts.frame_id
     WHERE alerts.image_path = :path AND frames.image_target = :path AND alerts.image_path <> ''
""")
# The picture of an alert that was deleted is not lost: it was deleted with its alert.
_PICTURE = """
    SELECT id, key, version, image_path, image_target, state, outcome, task_type, task_id,
           image_path = '' AND (state = 'failed' OR EXISTS (
               SELECT 1 FROM alerts WHERE alerts.frame_id = frames.id)) AS lost
      FROM frames
"""
_NEWEST_CARRIED = text(f"""
    {_PICTURE}
     WHERE id > (SELECT coalesce(max(id), 0) FROM frames) - :most
       AND state IN ('done', 'dropped', 'failed')
       AND image_path IS NOT NULL AND image_path <> key AND image_target IS NULL
""")  # noqa: S608
_BY_IDS = text(f"{_PICTURE} WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
_CARRY_AGAIN = text("""
    UPDATE frames SET image_target = :target, image_path = NULL
     WHERE id = :id AND image_path = :path AND image_target IS NULL
       AND NOT EXISTS (SELECT 1 FROM frames AS newer
                        WHERE newer.key = frames.key AND newer.image_path IS NULL)
""")
_SHOW_AGAIN = text("""
    UPDATE alerts SET image_path = :target, image_version = :version
     WHERE frame_id = :id AND image_path = ''
       AND EXISTS (SELECT 1 FROM frames WHERE id = :id AND image_target = :target)
""")
_DISCARD_PICTURE = text(
    """
    UPDATE frames SET image_target = ''
     WHERE id IN :ids AND (image_path IS NULL OR image_path <> '')
    RETURNING id, key, version, image_path, image_target
    """
).bindparams(bindparam("ids", expanding=True))


def carried(conn: Connection, targets: Mapping[int, str]) -> None:
    """Record that the pictures of these frames (targets by id) are at their targets."""
    _CARRIED.run(conn, [{"id": id_, "target": name} for id_, name in targets.items()])


def lost(conn: Connection, targets: Mapping[int, str], reason: Reason) -> None:
    """Record that the pictures of these frames (targets by id) were gone before their move."""
    if not targets:
        return
    why = reasons.columns("reason", reason)
    rows = [{"id": id_, "target": name, **why} for id_, name in targets.items()]
    conn.execute(_LOST_PICTURE, rows)
    if moved := [row for row in rows if row["target"]]:
        conn.execute(_LOST_OF_ALERT, moved)


def replaced(conn: Connection, targets: Mapping[int, str], reason: Reason) -> int:
    """Record that newer pictures have replaced the pictures of these frames (targets by id).

    Returns how many frames are superseded. The newer pictures are frames of their own.
    """
    superseded, why = 0, reasons.columns("reason", reason) if targets else {}
    for id_, target in targets.items():
        values = {"id": id_, "target": target, **why}
        superseded += conn.execute(_REPLACED, values).scalar() == "superseded"
        if target:
            conn.execute(_LOST_OF_ALERT, values)
    return superseded


def retarget(conn: Connection, changes: Iterable[tuple[int, str, str]]) -> set[int]:
    """Change the targets of pictures and the paths of their alerts: frame id, old and new target.

    Returns the frames that were changed: another process may have changed a target before.
    """
    sent = set()
    for id_, target, name in changes:
        values = {"id": id_, "target": target, "name": name}
        if conn.execute(_RETARGET, values).first() is not None:
            conn.execute(_RETARGET_ALERT, values)
            sent.add(id_)
    return sent


def uncarried(conn: Connection, before: float, after_id: int, most: int) -> list[Uncarried]:
    """Settled frames whose picture still waits to be moved or deleted.

    Returns frames that were settled before a moment, or so long after it that the clock was set
    back meanwhile.
    """
    values = {
        "before": before,
        "ahead": before + _CLOCK_WAS_SET_BACK_SEC,
        "after_id": after_id,
        "most": most,
    }
    return [Uncarried(*row) for row in conn.execute(_UNCARRIED, values)]


def on_its_way(conn: Connection, path: str) -> Uncarried | None:
    """The frame whose picture belongs to an alert at a path but has not been moved there yet."""
    row = conn.execute(_ON_ITS_WAY, {"path": path}).first()
    return None if row is None else Uncarried(*row)


def discard(conn: Connection, ids: Sequence[int]) -> list[Uncarried]:
    """Order the deletion of the pictures of settled frames; returns the pictures to delete."""
    discarded: list[Uncarried] = []
    for start in range(0, len(ids), _CHUNK):
        values = {"ids": ids[start : start + _CHUNK]}
        discarded += [Uncarried(*row) for row in conn.execute(_DISCARD_PICTURE, values)]
    return discarded


def newest_carried(conn: Connection, most: int) -> list[FramePicture]:
    """The frames among the newest `most` whose picture we have moved away from its key."""
    pictures = [FramePicture(*row) for row in conn.execute(_NEWEST_CARRIED, {"most": most})]
    return [picture for picture in pictures if not picture.never_moved]


def by_ids(conn: Connection, ids: Sequence[int]) -> list[FramePicture]:
    """The pictures of frames, in any state."""
    pictures: list[FramePicture] = []
    for start in range(0, len(ids), _CHUNK):
        values = {"ids": ids[start : start + _CHUNK]}
        pictures += [FramePicture(*row) for row in conn.execute(_BY_IDS, values)]
    return pictures


def carry_again(conn: Connection, targets: Iterable[tuple[FramePicture, str]]) -> None:
    """Order the moves of frames whose pictures are back, each to a target ('': delete).

    Alerts whose pictures had been lost link to them again.
    """
    rows = [
        {"id": picture.id, "path": picture.image_path, "target": target, "version": picture.version}
        for picture, target in targets
    ]
    conn.execute(_CARRY_AGAIN, rows)
    if shown := [row for row in rows if row["target"] and not row["path"]]:
        conn.execute(_SHOW_AGAIN, shown)
