"""A scanner's memory of the pictures that the ledger knows, kept between looks at the store.

A scan asks the ledger *before* it looks at the store, and once more in the transaction that records
new pictures. So a picture that others record, infer and delete meanwhile is not taken for new. The
memory keeps the version of a picture for a minute after it left the ledger's care, because listings
of object stores may still show the picture for some seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from easyai.db import recorded_frames
from easyai.db.recorded_frames import NewFrame, Recorded
from easyai.db.session import Database

REMEMBER_SEC: Final = 60.0
_NEWEST: Final = 50_000  # frames whose versions a new process learns
# All keys in place are read again once a second, and less often when there are so many that reading
# would take more than some hundredths of a core. Until then a picture that left counts as known.
_KEYS_PER_SEC: Final = 40_000
_FORGET_EVERY_SEC: Final = 5.0
_TRUST_SEC: Final = 1.0  # how long the state of the last reading serves looks at single keys


class NewestId:
    """The newest frame that this process has seen in the ledger; a part of the runtime.

    Several memories share it: one of them may record frames before another finds out that the
    ledger went back.
    """

    def __init__(self, _runtime: object = None) -> None:
        self.value = 0


class KnownPictures:
    """The memory of a scanner."""

    def __init__(self, db: Database, newest: NewestId, *, stale_listings: bool) -> None:
        """`stale_listings`: the store may list pictures that left it within the last minute."""
        self._db = db
        self._newest = newest
        self._stale_listings = stale_listings
        self._in_place: set[str] = set()
        # Version, and when the picture was recorded or was found to have left (monotonic).
        self._recorded: dict[str, tuple[str, float]] = {}
        self._left: dict[str, tuple[str | None, float]] = {}
        self._meanwhile: set[tuple[str, str]] = set()  # recorded since the last `refresh`
        self._newest_id = self._seen = 0
        self._refreshed_at = self._read_at = self._forgot_at = -math.inf
        # Whether the ledger went back: a promoted standby lacks the last commits of the primary,
        # unless it replicates synchronously. The scanner clears this flag once it has recovered the
        # pictures of the lost frames.
        self.went_back = False

    def __contains__(self, key: str) -> bool:
        """Whether the picture under a key is in the ledger's care."""
        return key in self._in_place

    def lately(self, key: str) -> bool:
        """Whether a picture was recorded, or left, under a key within the last minute."""
        return key in self._left or key in self._recorded

    def has(self, key: str, version: str) -> bool:
        """Whether this version is in the ledger's care, or left it since the store was listed."""
        if key in self._in_place or (key, version) in self._meanwhile:
            return True
        return self._stale_listings and any(
            memory[key][0] == version for memory in (self._recorded, self._left) if key in memory
        )

    def prepare(self, keys: Iterable[str]) -> None:
        """Prepare for a look at single keys, without reading the ledger each time.

        `has` and `catch_up` need only the ledger's state at some moment before the look. A picture
        that seems to be in the ledger's care may have left it: then the ledger is read.
        """
        stale = time.monotonic() - self._refreshed_at >= _TRUST_SEC
        if stale or self.went_back or not self._in_place.isdisjoint(keys):
            self.refresh()
        else:
            self._meanwhile.clear()

    def refresh(self) -> list[str]:
        """Read the ledger's pictures; returns keys whose picture has left the ledger since.

        Raises DatabaseUnavailableError.
        """
        now = time.monotonic()
        seen = self._newest.value  # before the reading: another thread may record meanwhile
        with self._db.read() as conn:
            newest_id = recorded_frames.newest_id(conn)
            if newest_id < max(self._newest_id, seen):
                self.went_back = True
                self._newest.value = newest_id
            if self._is_too_old(newest_id, now):
                self._newest_id = max(0, newest_id - _NEWEST)
                self._read_at = -math.inf
            rows = recorded_frames.recorded_since(conn, self._newest_id)
            every = len(self._in_place) / _KEYS_PER_SEC
            in_place = recorded_frames.keys_in_place(conn) if now - self._read_at >= every else None
        self._forget(now)
        self._meanwhile.clear()
        self._learn(rows, now)
        self._newest_id = max(self._newest_id, newest_id)
        self._newest.value = max(self._newest.value, newest_id)
        self._refreshed_at = now
        if in_place is None:
            return []
        self._read_at = now
        left = sorted(self._in_place - in_place)
        for key in left:
            self._left[key] = self._recorded.pop(key, (None, now))[0], now
        self._in_place = in_place
        return left

    def catch_up(self, conn: Connection) -> None:
        """Read newly recorded pictures; inside a transaction, so that no other process records."""
        self._seen = self._newest.value
        newest_id = recorded_frames.newest_id(conn)
        if newest_id <= self._newest_id:
            return  # nearly always: this process recorded the last frame
        rows = recorded_frames.recorded_since(conn, self._newest_id)
        self._learn(rows, time.monotonic())
        self._meanwhile.update((row.key, row.version) for row in rows)
        self._newest_id = newest_id

    def note(self, frames: Iterable[NewFrame], newest_id: int) -> None:
        """Remember the frames that this scanner has recorded; call after the commit."""
        self._learn(
            [Recorded(frame.key, frame.version, True) for frame in frames], time.monotonic()
        )
        if newest_id < max(self._newest_id, self._seen):
            self.went_back = True
            # `catch_up` has missed frames that others recorded in the older ledger: read it again.
            self._refreshed_at = -math.inf
            self._newest.value = newest_id
        self._newest_id = newest_id
        self._newest.value = max(self._newest.value, newest_id)

    def _is_too_old(self, newest_id: int, now: float) -> bool:
        """Whether the memory is too old: after a start, a pause or a change of the database."""
        pause = now - self._refreshed_at
        return pause > REMEMBER_SEC or not 0 <= newest_id - self._newest_id <= _NEWEST

    def _learn(self, rows: Iterable[Recorded], now: float) -> None:
        for row in rows:
            if row.in_place:
                self._in_place.add(row.key)
                self._recorded[row.key] = row.version, now
                self._left.pop(row.key, None)
            else:
                self._left[row.key] = row.version, now

    def _forget(self, now: float) -> None:
        if now - self._forgot_at < _FORGET_EVERY_SEC:
            return
        self._forgot_at = now
        since = now - REMEMBER_SEC
        for memory in (self._recorded, self._left):
            old = [key for key, (_, at) in memory.items() if at < since]
            for key in old:
                del memory[key]
