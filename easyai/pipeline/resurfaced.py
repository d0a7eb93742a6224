"""Pictures that lie where the ledger does not expect them, found by the first scan of a process.

There are three causes:
- A power loss may undo the renames and deletions of a file system's last seconds. The ledger is
  flushed with every commit and remembers them. Such a picture is not a new frame: its move runs
  again.
- A folder may have been away for a moment (a disk not mounted yet). A picture that was missing for
  its call becomes a new frame. A picture that was missing for its move goes to its alert, or to the
  failed pictures.
- After a lost database or a restored backup, a picture may be held under a private name for a frame
  that the ledger does not know. The picture gets its key back.
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
from easyai.store.frame_store import Carried
from easyai.store.keys import held_key, held_name

log = logging.getLogger(__name__)

_MOST: Final = 10_000  # newest frames to check: far more than a file system holds back
_IN_USE: Final = (FrameState.PENDING, FrameState.PARKED, FrameState.LEASED)


def send_back(runtime: Runtime) -> int:
    """Find pictures that have resurfaced and order their moves again; returns how many.

    The first scan of a process calls it before it takes any picture for new. It costs an `lstat`
    for each of the newest frames and a listing of every folder. Object stores lose no renames and
    hold no picture under a private name. Raises DatabaseUnavailableError or StoreUnavailableError.
    """
    if runtime.store.remote:
        return 0
    with runtime.db.read() as conn:
        newest = pictures.newest_carried(conn, _MOST)
    back = {
        picture.id: picture
        for picture in newest
        if runtime.store.version(picture.key) == picture.version
    }
    back |= {picture.id: picture for picture in _held_without_need(runtime)}
    if back:
        _order(runtime, back)
        log.warning(
            "pictures are moved or deleted again: count=%d; they came back (a power loss?), or "
            "could not be moved or deleted before (a folder was away?)",
            len(back),
        )
    return len(back)


def _order(runtime: Runtime, back: Mapping[int, FramePicture]) -> None:
    targets = [(picture, _target(runtime, picture)) for picture in back.values()]
    with runtime.db.write() as conn:
        lock_in_order(conn, "frames", back)
        lost = [picture.id for picture in back.values() if picture.lost]
        lock_in_order(conn, "alerts", alerts.ids_of_frames(conn, lost))
        pictures.carry_again(conn, targets)


def _target(runtime: Runtime, picture: FramePicture) -> str:
    """Where a picture was moved; for a lost picture, its intended place under a unique name."""
    if not picture.lost:
        return picture.image_path or ""
    analysis, camera = runtime.settings.ai_analysis, (picture.task_type, picture.task_id)
    if picture.outcome == Outcome.ALERT:
        target = alert_key(analysis.alert_base_path, *camera, picture.key)
    else:
        target = failed_key(analysis.failed_base_path, *camera, picture.key)
    return unique_key(target, picture.id, secrets.token_hex(3))


def _held_without_need(runtime: Runtime) -> list[FramePicture]:
    """Release held pictures without a frame; returns the held pictures of settled frames."""
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
            "held pictures are frames again: count=%d; the ledger does not know their frames (a "
            "lost database, or a backup?) or has given them up as missing (a folder was away?)",
            released,
        )
    if len(unknown) > released:
        log.warning(
            "held pictures cannot be frames again because newer pictures have their names: "
            "count=%d; each gets its name back at the next start if the name is free then",
            len(unknown) - released,
        )


def _name(key: str) -> str:
    return key.rpartition("/")[2]
