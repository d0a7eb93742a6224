"""Deletes our pictures that no row names any more: requested in a transaction, deleted after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from easyai.db import alerts, picture_deletions
from easyai.db.picture_deletions import Deletion
from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.messages.catalogue import text
from easyai.runtime import Runtime
from easyai.store.frame_store import Carried

log = logging.getLogger(__name__)

_GROUP: Final = 50


@dataclass(slots=True)
class _Tried:
    """The results of some deletions, in their order."""

    done: list[int] = field(default_factory=list)
    deleted: int = 0
    failed: int = 0
    reason: Reason = NO_REASON  # why the first failed

    def add(self, other: _Tried) -> None:
        self.deleted += other.deleted
        self.failed += other.failed
        self.reason = self.reason or other.reason


class Deletions:
    """The waiting deletions; each round starts where the last round ended.

    So a picture that cannot be deleted does not hold up the others.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._after_id = 0

    def carry(self, limit: float) -> int:
        """Run waiting deletions until `limit` (monotonic); returns how many pictures were deleted.

        Ends early when no picture of a group can be deleted, or when a remote store does not
        answer. Raises DatabaseUnavailableError.
        """
        everything, more = _Tried(), True
        while more and time.monotonic() < limit:
            group, more = self._carry_group()
            everything.add(group)
        if everything.failed:
            log.warning(
                "pictures not deleted yet, the sweep tries again: count=%d first=%s",
                everything.failed,
                text(everything.reason),
            )
        return everything.deleted

    def _carry_group(self) -> tuple[_Tried, bool]:
        """Run the next deletions; returns their results, and whether to go on."""
        with self._runtime.db.read() as conn:
            asked = picture_deletions.asked_deletions(conn, self._after_id, _GROUP)
            in_use = alerts.taken_paths(conn, [deletion.key for deletion in asked])
        group = self._delete(asked, in_use)
        if group.done:
            with self._runtime.db.write() as conn:
                picture_deletions.deletions_done(conn, group.done)
        tried = len(group.done) + group.failed
        more = tried < len(asked) or len(asked) == _GROUP
        self._after_id = asked[tried - 1].id if more else 0
        away = group.failed and (self._runtime.store.remote or not group.done)
        return group, more and not away

    def _delete(self, asked: Sequence[Deletion], in_use: set[str]) -> _Tried:
        tried = _Tried()
        for deletion in asked:
            try:
                result = self._discard(deletion, in_use)
            except InvalidKeyError:
                log.warning("picture cannot be deleted, no store has such a key: %r", deletion.key)
                result = Carried.MISSING
            except StoreUnavailableError as error:
                tried.failed += 1
                tried.reason = tried.reason or error.reason
                if self._runtime.store.remote:
                    break  # every further deletion would wait for the store, too
                continue
            tried.done.append(deletion.id)
            tried.deleted += result is Carried.DONE
            if result is Carried.REPLACED:
                log.warning(
                    "picture left alone, another picture was put there: key=%s", deletion.key
                )
        return tried

    def _discard(self, deletion: Deletion, in_use: set[str]) -> Carried:
        if deletion.key in in_use and not deletion.version:
            # The picture to delete has gone: else the new alert would have got another name.
            return Carried.MISSING
        return self._runtime.store.discard(deletion.key, deletion.version)
