"""Pictures of ours that no row names any more: asked for in a transaction, deleted after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from easyai.db import alerts, installation
from easyai.db.installation import Deletion
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.runtime import Runtime
from easyai.store.base import Carried

log = logging.getLogger(__name__)

_GROUP: Final = 50


class Deletions:
    """What waits to be deleted; goes on where the last round ended."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._after_id = 0

    def carry(self, limit: float) -> int:
        """Delete what was asked for, until `limit` (monotonic); how many pictures went.

        Ends early when the store does not answer. Raises DatabaseUnavailableError.
        """
        deleted = 0
        while time.monotonic() < limit:
            with self._runtime.db.read() as conn:
                asked = installation.asked_deletions(conn, self._after_id, _GROUP)
                in_use = alerts.taken_paths(conn, [one.key for one in asked])
            done, deleted_now = self._delete(asked, in_use)
            deleted += deleted_now
            if done:
                with self._runtime.db.write() as conn:
                    installation.deletions_done(conn, done)
            self._after_id = asked[-1].id if len(asked) == _GROUP else 0
            if self._after_id == 0 or len(done) < len(asked):
                break
        return deleted

    def _delete(self, asked: Sequence[Deletion], in_use: set[str]) -> tuple[list[int], int]:
        done, deleted = [], 0
        for one in asked:
            try:
                result = self._discard(one, in_use)
            except InvalidKeyError:
                log.warning("picture cannot be deleted, no store has such a key: %r", one.key)
                result = Carried.MISSING
            except StoreUnavailableError as error:
                log.warning("picture not deleted yet, the sweep tries again: %s", error)
                break
            done.append(one.id)
            deleted += result is Carried.DONE
            if result is Carried.REPLACED:
                log.warning("picture left alone, it is not what was put there: key=%s", one.key)
        return done, deleted

    def _discard(self, one: Deletion, in_use: set[str]) -> Carried:
        if one.key in in_use and not one.version:
            # What was meant has gone, or the new alert would have got another name.
            return Carried.MISSING
        return self._runtime.store.discard(one.key, one.version)
