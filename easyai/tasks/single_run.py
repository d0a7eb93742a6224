"""A single run of a periodic task at a time, over all threads, processes and machines.

A claim saves work; the safety of frames does not depend on it. A run may hang in a call of the
store, and go on minutes after another machine has taken over its task. So each task checks again in
the transaction that changes rows: a scan checks the frames recorded meanwhile, a sweep checks
leases, picture moves and names, and upkeep checks which rows still exist. Consumers of the outbox
ignore the ids they know.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakKeyDictionary

from easyai.db import clock, leases
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from easyai.system.identity import holder

log = logging.getLogger(__name__)

# After kill -9, the task waits at most this long. A slow run renews its claim.
TTL_SEC = 10.0
_RENEW_EVERY_SEC = 3.0
# A run stops renewing its claim after this time. The longest limited run, upkeep, has a budget of
# 20 s. Another worker may take over a first scan that lists millions of pictures, which costs a
# second listing.
LONGEST_SEC = 60.0


@contextmanager
def claimed(db: Database, task: str, quiet_sec: float) -> Iterator[bool]:
    """Claim a task while the block runs; yields false when the task runs or just ran elsewhere.

    The task stays claimed until `quiet_sec` after the start of the run. So ticks that piled up
    while no worker ran make a single run. Raises DatabaseUnavailableError.
    """
    claim = _Claim(db, task)
    began = time.monotonic()
    if not claim.begin():
        yield False
        return
    renewals = _of_database.setdefault(db, _Renewals())
    done = False
    try:
        renewals.add(claim)
        yield True
        done = True
    finally:
        renewals.remove(claim)
        claim.end(quiet_sec - (time.monotonic() - began), done)


class _Renewals:
    """The claims of the runs under way on a database, and the timer that renews them.

    A timer is a thread. Runs share it: a thread for each run would cost as much as a short run.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: set[_Claim] = set()
        self._ticking = False
        self._used = False  # since the last tick

    def add(self, claim: _Claim) -> None:
        """Renew the claim every few seconds until `remove`, or until the run has lasted too long.

        The first renewal may come at once, because the timer does not begin anew for each claim.
        """
        with self._lock:
            self._claims.add(claim)
            self._used = True
            if not self._ticking:
                self._start_timer()
                self._ticking = True

    def remove(self, claim: _Claim) -> None:
        """Renew the claim no more; waits for a renewal in progress."""
        with self._lock:
            self._claims.discard(claim)
        claim.stop_renewing()

    def _start_timer(self) -> None:
        timer = threading.Timer(_RENEW_EVERY_SEC, self._tick)
        timer.daemon = True
        timer.start()

    def _tick(self) -> None:
        with self._lock:
            claims = list(self._claims)
        ended = {claim for claim in claims if not claim.renew()}
        with self._lock:
            self._claims -= ended
            goes_on = self._used or bool(self._claims)
            self._ticking = self._used = False
            if goes_on:
                self._start_timer()
                self._ticking = True


# Each process makes a database of its own.
_of_database: Final[WeakKeyDictionary[Database, _Renewals]] = WeakKeyDictionary()


class _Claim:
    def __init__(self, db: Database, task: str) -> None:
        self._db = db
        self._task = task
        self._holder = holder()
        self._renewing = threading.Lock()
        self._ended = False
        self._renew_until = time.monotonic() + LONGEST_SEC

    def begin(self) -> bool:
        """Claim the task; releases a claim whose commit may have worked without an answer."""
        try:
            return self.extend(TTL_SEC)
        except DatabaseUnavailableError:
            # The commit may have worked, and only its answer was lost.
            self._release()
            raise

    def _release(self) -> None:
        try:
            with self._db.write(lasting=False) as conn:
                leases.release(conn, self._task, self._holder)
        except DatabaseUnavailableError as error:
            log.debug("claim of %s not released, it lapses by itself: %s", self._task, error)

    def extend(self, ttl_sec: float) -> bool:
        """Claim the task, or extend the claim; false when another holder has it."""
        with self._db.write(lasting=False) as conn:
            return leases.acquire(conn, self._task, self._holder, ttl_sec, clock.now(conn))

    def renew(self) -> bool:
        """Renew the claim, unless the run has ended; false when the run has lasted too long."""
        if time.monotonic() >= self._renew_until:
            log.warning(
                "%s has not ended after %g s, another worker may take it over",
                self._task,
                LONGEST_SEC,
            )
            return False
        with self._renewing:
            if self._ended:
                return True
            try:
                kept = self.extend(TTL_SEC)
            except Exception as error:  # noqa: BLE001 - the run itself meets the same error
                log.warning("claim of %s not renewed: %s", self._task, error)
            else:
                if not kept:
                    log.warning("claim of %s lost to another worker while running", self._task)
        return True

    def stop_renewing(self) -> None:
        """Renew no more; waits for a renewal in progress, which would outlive the release."""
        with self._renewing:
            self._ended = True

    def end(self, quiet_sec: float, done: bool) -> None:
        """Release the claim after `quiet_sec`, which may have passed; record a finished run."""
        try:
            with self._db.write(lasting=False) as conn:
                now = clock.now(conn)
                leases.end(conn, self._task, self._holder, now, quiet_sec=quiet_sec, done=done)
        except Exception as error:  # noqa: BLE001 - the claim lapses by itself
            log.warning(
                "claim of %s not released, it lapses in %g s: %s", self._task, TTL_SEC, error
            )
