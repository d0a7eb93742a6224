"""Pictures that lie where the ledger does not expect them, found by the first scan of a process.

A file system may undo the renames and deletions of its last seconds (a power loss), while the
ledger, which is flushed with every commit, remembers them: such a picture is no new frame, its
errand is run again. A folder may have been away for a moment (a disk not mounted yet): a picture
that nobody found for its call is a new frame, and one that nobody found to be moved goes to its
alert, or to the failed ones. And a picture may be held under a private name for a frame that the
ledger does not know, since the database was lost or a backup was restored: it gets its key back.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from easyai.db import alerts, pictures
from easyai.db.locks import lock_in_order
from easyai.db.pictures import FramePicture
from easyai.domain.fate import alert_key, failed_key, unique_key
from easyai.domain.frame import FrameState, Outcome
from easyai.runtime import Runtime
from easyai.store.base import Carried
from easyai.store.keys import held_key, held_name

log = logging.getLogger(__name__)

_MOST: Final = 10_000  # of the newest frames: far more than a file system holds back
_IN_USE: Final = (FrameState.PENDING, FrameState.PARKED, FrameState.LEASED)


def send_back(runtime: Runtime) -> int:
    """Find pictures that have resurfaced, and order their errands anew; how many.

    For the first scan of a process, before it takes anything for new: costs one `lstat` for each of
    the newest frames and one listing of every folder. Object stores do not forget, and hold nothing
    under private names. Raises DatabaseUnavailableError or StoreUnavailableError.
    """
    if runtime.store.remote:
        return 0
    with runtime.db.read() as conn:
        newest = pictures.newest_carried(conn, _MOST)
    back = {one.id: one for one in newest if runtime.store.version(one.key) == one.version}
    back |= {one.id: one for one in _held_without_need(runtime)}
    if back:
        _order(runtime, back)
        log.warning(
            "pictures came back after they had been moved or deleted (a power loss?), or could not "
            "be (a folder was away?), done again: count=%d",
            len(back),
        )
    return len(back)


def _order(runtime: Runtime, back: Mapping[int, FramePicture]) -> None:
    targets = [(one, _target(runtime, one)) for one in back.values()]
    with runtime.db.write() as conn:
        lock_in_order(conn, "frames", back)
        lost = [one.id for one in back.values() if one.lost]
        lock_in_order(conn, "alerts", alerts.ids_of_frames(conn, lost))
        pictures.carry_again(conn, targets)


def _target(runtime: Runtime, picture: FramePicture) -> str:
    """Where a picture had been put; where it should have been, under a name of its own."""
    if not picture.lost:
        return picture.image_path or ""
    analysis, camera = runtime.settings.ai_analysis, (picture.task_type, picture.task_id)
    if picture.outcome == Outcome.ALERT:
        target = alert_key(analysis.alert_base_path, *camera, picture.key)
    else:
        target = failed_key(analysis.failed_base_path, *camera, picture.key)
    return unique_key(target, picture.id, secrets.token_hex(3))


def _held_without_need(runtime: Runtime) -> list[FramePicture]:
    """Release the held pictures that are of no frame; those of frames that are over."""
    held = list(runtime.store.held())
    if not held:
        return []
    ids = sorted({name.frame_id for key in held if (name := held_name(_name(key)))})
    # After the listing: a frame is in the ledger before its picture is held.
    with runtime.db.read() as conn:
        rows = pictures.by_ids(conn, ids)
    owners = {held_key(row.key, row.id, row.version): row for row in rows if not row.never_moved}
    _release(runtime, [key for key in held if key not in owners])
    return list(_over(runtime, owners, held))


def _over(
    runtime: Runtime, owners: Mapping[str, FramePicture], held: Sequence[str]
) -> Iterable[FramePicture]:
    for key in held:
        row = owners.get(key)
        if row is None or row.state in _IN_USE or row.image_target is not None:
            continue
        if row.image_path is not None and runtime.store.exists(key):
            yield row


def _release(runtime: Runtime, unknown: Sequence[str]) -> None:
    released = sum(runtime.store.release(key) is Carried.DONE for key in unknown)
    if released:
        log.warning(
            "pictures were held for frames that the ledger does not know (a lost database, or a "
            "backup?) or has given up as missing (a folder was away?), they are frames again: "
            "count=%d",
            released,
        )
    if len(unknown) > released:
        log.warning(
            "pictures are held for frames that the ledger does not know or has given up as "
            "missing, and newer ones have their names; each gets its name back at the next start "
            "when it is free: count=%d",
            len(unknown) - released,
        )


def _name(key: str) -> str:
    return key.rpartition("/")[2]
