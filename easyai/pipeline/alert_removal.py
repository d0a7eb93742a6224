"""Deletes alerts and their pictures; a crash between both steps leaves no picture behind.

After a crash a thumbnail may stay in its cache until others displace it; nobody is shown it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from easyai.db import (
    alert_changes,
    alert_reviews,
    alerts,
    audit,
    clock,
    outbox,
    picture_deletions,
    pictures,
)
from easyai.db.alert_filter import AlertChoice
from easyai.db.locks import lock_in_order
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.pipeline.alert_count_check import counts_beyond
from easyai.pipeline.deletions import Deletions
from easyai.pipeline.picture_moves import PictureMove, carry_out, log_failed, move_for, record
from easyai.runtime import Runtime
from easyai.store.preview_files import FOLDER, PreviewFiles, subjects
from easyai.system.side_by_side import SideBySide

_CARRY_SEC = 2.0  # for pictures that only alerts name; the sweep deletes the rest
_MOST_NAMED = 20  # alert ids in an audit record
_CHOSEN_AT_ONCE = 200  # alerts in a transaction
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
        alert_reviews.unmark(conn, ids)
        if runtime.settings.ai_analysis.has_bus:
            outbox.keep(conn, removed)
        moves = _moves(conn, removed, clock.now(conn))
        if removed:
            named = [str(row.id) for row in removed[:_MOST_NAMED]]
            more = ("…",) if len(removed) > _MOST_NAMED else ()
            deleted = Reason.of("action.alerts_deleted", n=len(removed), ids=(*named, *more))
            audit.note(conn, by, "delete_alerts", deleted)
    runtime.part(_previews).remove(subjects(removed))
    if moves:
        _run(runtime, moves)
    runtime.part(Deletions).carry(time.monotonic() + _CARRY_SEC)
    return len(removed)


class Counted(NamedTuple):
    """The alerts of a choice that would be deleted."""

    alerts: int
    newest: int  # the id of the newest alert of all; 0: there is none
    left: bool  # the time was over before the end of the list


class Deleted(NamedTuple):
    """The alerts of a choice that were deleted."""

    alerts: int
    next: int | None  # the id below which to go on: the time was over; None: all are deleted


def count_chosen(runtime: Runtime, choice: AlertChoice, limit_sec: float) -> Counted:
    """Count the alerts that `delete_chosen` would delete; not all of them after `limit_sec`."""
    until = time.monotonic() + limit_sec
    with runtime.db.read() as conn:
        newest = alert_changes.newest(conn)
    count, before = 0, newest + 1
    while True:
        with runtime.db.snapshot() as conn:
            part = alert_changes.count(conn, choice, before)
        count += part.alerts
        if part.next is None or time.monotonic() >= until:
            return Counted(count, newest, left=part.next is not None)
        before = part.next


def delete_chosen(
    runtime: Runtime, choice: AlertChoice, up_to: int, limit_sec: float, by: Actor | None = None
) -> Deleted:
    """Delete the alerts of a choice with ids up to `up_to`, in short transactions.

    Ends after `limit_sec`. If there are any, `by` is recorded before the first is deleted, so that
    a process that is killed leaves the record. On PostgreSQL an alert may get its id before a
    preview and be committed after it: it is deleted, too.
    """
    until = time.monotonic() + limit_sec
    count, before, noted = 0, up_to + 1, False
    while time.monotonic() < until:
        with runtime.db.snapshot() as conn:
            ids, following = alert_changes.ids(conn, choice, _CHOSEN_AT_ONCE, before)
        if ids and not noted:
            _note_choice(runtime, up_to, by)
            noted = True
        if ids:
            count += delete_alerts(runtime, ids)
        if following is None:
            return Deleted(count, None)
        before = following
    return Deleted(count, before)


def _note_choice(runtime: Runtime, up_to: int, by: Actor | None) -> None:
    with runtime.db.write() as conn:
        deleted = Reason.of("action.alerts_chosen_deleted", up_to=up_to)
        audit.note(conn, by, "delete_alerts", deleted)


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


def _previews(runtime: Runtime) -> PreviewFiles:
    return PreviewFiles(runtime.settings.easyai.data_dir / FOLDER)


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
