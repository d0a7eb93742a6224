"""One run of a periodic duty at a time, over all threads, processes and machines.

A claim saves work; it is not what keeps frames safe. A run may hang in a call of the store and go
on minutes after another machine has taken its duty over, so each looks once more in the transaction
that changes something: a scan at what was recorded meanwhile, a sweep at leases, errands and names
as they are then, upkeep at what is still there. Of the outbox, consumers ignore the ids they know.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from easyai.db import clock, leases
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from easyai.system.identity import holder

log = logging.getLogger(__name__)

# After kill -9 the duty waits this long at most. A slow run renews its claim.
TTL_SEC = 10.0
_RENEW_EVERY_SEC = 3.0
# A run renews its claim no longer: the longest that ends by itself, upkeep, has a budget of 20 s.
# A first scan that lists millions of pictures may be taken over in its midst, which costs a second
# listing.
LONGEST_SEC = 60.0


@contextmanager
def claimed(db: Database, duty: str, quiet_sec: float) -> Iterator[bool]:
    """Claim a duty for the run of the block; false means: skip, somebody runs or just ran it.

    The duty stays claimed until `quiet_sec` after the run began, so that ticks which piled up while
    no worker ran make one run, not many. Raises DatabaseUnavailableError.
    """
    claim = _Claim(db, duty)
    began = time.monotonic()
    if not claim.begin():
        yield False
        return
    claim.start_renewing()
    done = False
    try:
        yield True
        done = True
    finally:
        claim.stop_renewing()
        claim.end(quiet_sec - (time.monotonic() - began), done)


class _Claim:
    def __init__(self, db: Database, duty: str) -> None:
        self._db = db
        self._duty = duty
        self._holder = holder()
        self._ended = threading.Lock()
        self._timer: threading.Timer | None = None
        self._renew_until = time.monotonic() + LONGEST_SEC

    def begin(self) -> bool:
        """Claim the duty; nobody holds a claim of which this process does not know."""
        try:
            return self.extend(TTL_SEC)
        except DatabaseUnavailableError:
            # The commit may have worked all the same, and only its answer was lost.
            self._release()
            raise

    def _release(self) -> None:
        try:
            with self._db.write() as conn:
                leases.release(conn, self._duty, self._holder)
        except DatabaseUnavailableError as error:
            log.debug("claim of %s not released, it lapses by itself: %s", self._duty, error)

    def extend(self, ttl_sec: float) -> bool:
        """Claim, or claim for longer."""
        with self._db.write() as conn:
            return leases.acquire(conn, self._duty, self._holder, ttl_sec, clock.now(conn))

    def start_renewing(self) -> None:
        """Keep the claim until `stop_renewing`, or until the run has lasted too long."""
        self._timer = threading.Timer(_RENEW_EVERY_SEC, self._renew)
        self._timer.daemon = True
        self._timer.start()

    def _renew(self) -> None:
        if time.monotonic() >= self._renew_until:
            log.warning(
                "%s has not ended after %g s, another worker may take it over",
                self._duty,
                LONGEST_SEC,
            )
            return
        try:
            kept = self.extend(TTL_SEC)
        except Exception as error:  # noqa: BLE001 - the run itself meets the same error
            log.warning("claim of %s not renewed: %s", self._duty, error)
        else:
            if not kept:
                log.warning("claim of %s lost to another worker while running", self._duty)
        with self._ended:
            if self._timer is not None:
                self.start_renewing()

    def stop_renewing(self) -> None:
        """Stop; a renewal that is under way ends by itself."""
        with self._ended:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def end(self, quiet_sec: float, done: bool) -> None:
        """Release the claim after `quiet_sec`, which may have passed; note a run that is done."""
        try:
            with self._db.write() as conn:
                now = clock.now(conn)
                if done:
                    leases.done(conn, self._duty, self._holder, now)
                if quiet_sec > 0:
                    leases.acquire(conn, self._duty, self._holder, quiet_sec, now)
                else:
                    leases.release(conn, self._duty, self._holder)
        except Exception as error:  # noqa: BLE001 - the claim lapses by itself
            log.warning(
                "claim of %s not released, it lapses in %g s: %s", self._duty, TTL_SEC, error
            )
