"""Finds pictures that nobody knows: left by a crash, or by rows that were lost."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Final

from easyai.db import alerts, history
from easyai.pipeline.pace import turns
from easyai.runtime import Runtime
from easyai.store.base import Carried, Picture
from easyai.store.keys import is_leftover

log = logging.getLogger(__name__)

_AT_ONCE: Final = 250  # names in one look
_LOOKS: Final = 2  # of one run: 720,000 pictures a day
_ROUND_SEC: Final = 86_400.0
_OLD_SEC: Final = 86_400.0


class Orphans:
    """Walks slowly through the folders of alerts and failed frames, at most once a day.

    A picture that no alert and no frame knows is deleted when it is more than a day old and not
    older than this installation: what lay there before belongs to the one before.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        analysis = runtime.settings.ai_analysis
        self._folders = (analysis.alert_base_path, analysis.failed_base_path)
        self._folder, self._after = 0, ""
        self._round_began_at = -math.inf
        self._of_before = 0  # pictures older than this installation, in this round
        self._told = False

    def look(self, now: float, limit: float) -> int:
        """Look at the next few hundred pictures; how many were deleted.

        Raises StoreUnavailableError.
        """
        if self._is_at_start() and time.monotonic() - self._round_began_at < _ROUND_SEC:
            return 0
        deleted = 0
        for looks, _ in enumerate(turns(limit), start=1):
            if self._is_at_start():
                self._round_began_at, self._of_before = time.monotonic(), 0
            folder = self._folders[self._folder]
            page = self._runtime.store.kept(folder, self._after, _AT_ONCE)
            deleted += self._sort_out(page, now)
            self._go_on(page)
            if looks == _LOOKS or self._is_at_start():
                break
        return deleted

    def _is_at_start(self) -> bool:
        return self._folder == 0 and not self._after

    def _go_on(self, page: Sequence[Picture]) -> None:
        if len(page) == _AT_ONCE:
            self._after = page[-1].key
            return
        self._folder, self._after = (self._folder + 1) % len(self._folders), ""
        if self._is_at_start() and self._of_before and not self._told:
            self._told = True
            log.info(
                "pictures from before this installation are left alone: count=%d folders=%s",
                self._of_before,
                ", ".join(self._folders),
            )

    def _sort_out(self, page: Sequence[Picture], now: float) -> int:
        old = [picture for picture in page if now - picture.modified_at > _OLD_SEC]
        if not old:
            return 0
        # After the listing: a row is committed before its picture comes.
        with self._runtime.db.read() as conn:
            installed_at = history.installed_at(conn)
            paths = [picture.key for picture in old]
            known = alerts.taken_paths(conn, paths)
            known |= history.paths_of_frames(conn, [path for path in paths if path not in known])
        orphans = [picture for picture in old if picture.key not in known]
        ours = [one for one in orphans if one.modified_at > (installed_at or math.inf)]
        self._of_before += len(orphans) - len(ours)
        return sum(self._delete(picture) for picture in ours)

    def _delete(self, picture: Picture) -> bool:
        if self._runtime.store.delete(picture.key, picture.version) is not Carried.DONE:
            return False  # another picture has come under this key
        kind = "leftover of a move" if is_leftover(picture.key) else "picture that nobody knows"
        log.warning("orphan deleted, a %s: key=%s", kind, picture.key)
        return True
