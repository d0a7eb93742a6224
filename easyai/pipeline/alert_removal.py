"""Deletes alerts and their pictures; a crash between both steps leaves no picture behind."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from easyai.db import alerts, audit, clock, outbox, picture_deletions, pictures
from easyai.db.locks import lock_in_order
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.pipeline.alert_count_check import counts_beyond
from easyai.pipeline.deletions import Deletions
from easyai.pipeline.picture_moves import PictureMove, carry_out, log_failed, move_for, record
from easyai.runtime import Runtime
from easyai.system.side_by_side import SideBySide

_CARRY_SEC = 2.0  # for pictures that only alerts name; the sweep deletes the rest
_MOST_NAMED = 20  # alert ids in an audit record
_TRIM_AT_ONCE = 200  # alerts in a transaction, and their pictures after it


def delete_alerts(runtime: Runtime, ids: Sequence[int], by: Actor | None = None) -> int:
    """Delete alerts by id; returns how many there were. If there were any, `by` is recorded.

    A single transaction deletes the rows and requests the deletion of their pictures; then the
    pictures are deleted. The sweep deletes pictures that the store could not delete; a missing
    picture is no error. Alerts that wait for the bus are published all the same.
    """
    with runtime.db.write() as conn:
        lock_in_order(conn, "frames", alerts.frame_ids(conn, ids))  # before alerts, as everywhere
        removed = alerts.remove(conn, sorted(set(ids)))
        if runtime.settings.ai_analysis.has_bus:
            outbox.keep(conn, removed)
        moves = _moves(conn, removed, clock.now(conn))
        if removed:
            named = [str(row.id) for row in removed[:_MOST_NAMED]]
            more = ("…",) if len(removed) > _MOST_NAMED else ()
            deleted = Reason.of("action.alerts_deleted", n=len(removed), ids=(*named, *more))
            audit.note(conn, by, "delete_alerts", deleted)
    if moves:
        _run(runtime, moves)
    runtime.part(Deletions).carry(time.monotonic() + _CARRY_SEC)
    return len(removed)


def trim_alerts(runtime: Runtime, limit: float) -> int:
    """Delete the oldest alerts beyond ``max_alerts_in_db`` until `limit` (monotonic).

    Returns how many were deleted. Alerts that still wait for the bus stay, with their pictures,
    whatever their number.
    """
    analysis = runtime.settings.ai_analysis
    if analysis.max_alerts_in_db == 0:
        return 0
    counts = counts_beyond(runtime, analysis.max_alerts_in_db)
    deleted = 0
    for system, count in zip((False, True), counts, strict=True):
        after, excess = 0, count - analysis.max_alerts_in_db
        while excess > 0 and time.monotonic() < limit:
            with runtime.db.read() as conn:
                oldest = alerts.oldest(conn, after, min(excess, _TRIM_AT_ONCE), system=system)
            if not oldest:
                break  # another process deletes alerts as well
            after, excess = oldest[-1][0], excess - len(oldest)
            ids = [alert_id for alert_id, waits in oldest if not (waits and analysis.has_bus)]
            deleted += delete_alerts(runtime, ids) if ids else 0
    return deleted


def _moves(conn: Connection, removed: Sequence[alerts.AlertRow], now: float) -> list[PictureMove]:
    """The moves of pictures that frames name; requests the deletion of the other pictures."""
    with_picture = [row for row in removed if row.image_path]
    frame_ids = [row.frame_id for row in with_picture if row.frame_id is not None]
    frames = {frame.id: frame for frame in pictures.discard(conn, frame_ids)}
    picture_deletions.ask_deletions(
        conn,
        # If a frame's picture is being moved, it may be there already without a record.
        [
            (row.image_path, row.image_version or _version(frames.get(row.frame_id)))
            for row in with_picture
            if row.frame_id not in frames or not frames[row.frame_id].image_path
        ],
        now,
    )
    return [move_for(frame) for frame in frames.values()]


def _version(frame: pictures.Uncarried | None) -> str:
    return frame.version if frame else ""


def _run(runtime: Runtime, moves: Sequence[PictureMove]) -> None:
    requests = SideBySide(runtime.settings.ai_analysis.alert_image_move_concurrent)
    carried = carry_out(runtime.store, moves, requests)
    log_failed(carried.failed, carried.reason)
    with runtime.db.write() as conn:
        record(conn, carried, clock.now(conn))
