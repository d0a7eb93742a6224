"""Pictures that lie where the ledger does not expect them, found by the first scan of a process.

A file system may undo the renames and deletions of its last seconds (a power loss), while the
ledger, which is flushed with every commit, remembers them: such a picture is no new frame, its
errand is run again. And a picture may be held under a private name for a frame that the ledger does
not know, since the database was lost or a backup was restored: it gets its key back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from easyai.db import pictures
from easyai.db.pictures import FramePicture
from easyai.domain.frame import FrameState
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
    back = {
        one.id: one.image_target for one in newest if runtime.store.version(one.key) == one.version
    }
    back |= _held_without_need(runtime)
    if back:
        with runtime.db.write() as conn:
            pictures.carry_again(conn, back)
        log.warning(
            "pictures came back after they had been moved or deleted (a power loss?), done again: "
            "count=%d",
            len(back),
        )
    return len(back)


def _held_without_need(runtime: Runtime) -> dict[int, str]:
    """Release the held pictures of unknown frames; the paths by id of frames that are over."""
    held = list(runtime.store.held())
    if not held:
        return {}
    ids = sorted({name.frame_id for key in held if (name := held_name(_name(key)))})
    # After the listing: a frame is in the ledger before its picture is held.
    with runtime.db.read() as conn:
        rows = {row.id: row for row in pictures.by_ids(conn, ids)}
    owners = {held_key(row.key, row.id, row.version): row for row in rows.values()}
    _release(runtime, [key for key in held if key not in owners])
    return _over(runtime, owners, held)


def _over(
    runtime: Runtime, owners: Mapping[str, FramePicture], held: Sequence[str]
) -> dict[int, str]:
    paths: dict[int, str] = {}
    for key in held:
        row = owners.get(key)
        if row is None or row.state in _IN_USE or row.image_target is not None:
            continue
        if row.image_path is not None and runtime.store.exists(key):
            paths[row.id] = row.image_path
    return paths


def _release(runtime: Runtime, unknown: Sequence[str]) -> None:
    released = sum(runtime.store.release(key) is Carried.DONE for key in unknown)
    if released:
        log.warning(
            "pictures were held for frames that the ledger does not know (a lost database, or a "
            "backup?), they are frames again: count=%d",
            released,
        )
    if len(unknown) > released:
        log.warning(
            "pictures are held for frames that the ledger does not know, and newer ones have their "
            "names; each gets its name back at the next start when it is free: count=%d",
            len(unknown) - released,
        )


def _name(key: str) -> str:
    return key.rpartition("/")[2]
