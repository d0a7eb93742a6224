"""Pictures that a power loss brought back: moved or deleted, said so, and there again.

A file system may undo the renames and deletions of its last seconds, while the ledger, which is
flushed with every commit, remembers them. Such a picture is no new frame: its errand is run again.
"""

from __future__ import annotations

import logging
from typing import Final

from easyai.db import pictures
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_MOST: Final = 10_000  # of the newest frames: far more than a file system holds back


def send_back(runtime: Runtime) -> int:
    """Find resurfaced pictures of the newest frames and order their errands anew; how many.

    For the first scan of a process, before it takes anything for new: costs one `lstat` a frame.
    Object stores do not forget. Raises DatabaseUnavailableError or StoreUnavailableError.
    """
    if runtime.store.remote:
        return 0
    with runtime.db.read() as conn:
        carried = pictures.newest_carried(conn, _MOST)
    back = [one for one in carried if runtime.store.version(one.key) == one.version]
    if back:
        with runtime.db.write() as conn:
            pictures.carry_again(conn, back)
        log.warning(
            "pictures came back after they had been moved or deleted (a power loss?), done again: "
            "count=%d",
            len(back),
        )
    return len(back)
