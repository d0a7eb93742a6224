"""Carries pictures where the ledger says they belong, after the commit that says so.

An errand may be run again after a crash: what is done already counts as done, and a newer picture
under the same key is never touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from easyai.db import ledger, statistics
from easyai.db.statistics import Tally
from easyai.domain.fate import unique_key
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.runtime import Runtime
from easyai.store.base import Carried, Store

log = logging.getLogger(__name__)

_LEFT_BEHIND_SEC = 10.0  # an errand not recorded for so long was left by a process that died


@dataclass(frozen=True, slots=True)
class Errand:
    """One picture to move to `target`, or to delete when that is ''."""

    frame_id: int
    source: str
    target: str
    version: str  # '': whatever lies there

    def renamed(self) -> Errand:
        """The errand to a name of its own, for a target that another file has."""
        return replace(self, target=unique_key(self.target, self.frame_id))


@dataclass(slots=True)
class CarriedOut:
    """What came of a group of errands; those that failed stay in the ledger for the sweep."""

    # Targets by frame id.
    done: dict[int, str] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    replaced: dict[int, str] = field(default_factory=dict)
    taken: list[Errand] = field(default_factory=list)  # to be renamed and run again
    failed: int = 0
    tally: Tally = field(default_factory=Tally)

    def __bool__(self) -> bool:
        return bool(self.done or self.missing or self.replaced or self.taken or self.failed)

    def add(self, other: CarriedOut) -> None:
        """Take in another group."""
        self.done |= other.done
        self.missing |= other.missing
        self.replaced |= other.replaced
        self.taken += other.taken
        self.failed += other.failed
        self.tally = self.tally.merged(other.tally)


def carry_out(store: Store, errands: Sequence[Errand], pool: Executor | None = None) -> CarriedOut:
    """Run errands, many at once where the store is remote and a pool is given."""
    carried = CarriedOut()

    def run(errand: Errand) -> tuple[Errand, Carried | None, float]:
        started = time.perf_counter()
        result = _run(store, errand)
        return errand, result, (time.perf_counter() - started) * 1000

    mapped = pool.map(run, errands) if store.remote and pool is not None else map(run, errands)
    for errand, result, milliseconds in mapped:
        match result:
            case Carried.DONE:
                carried.done[errand.frame_id] = errand.target
            case Carried.MISSING:
                log.error("picture lost before it was moved: source=%s", errand.source)
                carried.missing[errand.frame_id] = errand.target
            case Carried.REPLACED:
                carried.replaced[errand.frame_id] = errand.target
            case Carried.TAKEN:
                carried.taken.append(errand)
            case None:
                carried.failed += 1
        if errand.target:
            carried.tally.moved(milliseconds, failed=result is not Carried.DONE)
    return carried


def record(conn: Connection, carried: CarriedOut, now: float) -> None:
    """Note in the ledger what was carried out, and count it."""
    note(conn, carried)
    statistics.add(conn, carried.tally, now)


def note(conn: Connection, carried: CarriedOut) -> None:
    """Note in the ledger what was carried out."""
    ledger.pictures_carried(conn, carried.done)
    ledger.pictures_lost(conn, carried.missing, "the picture was gone before it could be moved")
    ledger.pictures_lost(conn, carried.replaced, "a newer picture had taken its key")
    ledger.retarget(
        conn, [(one.frame_id, one.target, one.renamed().target) for one in carried.taken]
    )


def carry_left_behind(runtime: Runtime, most: int = 500) -> int:
    """Run the errands that a process left behind when it died; how many were carried out."""
    now = time.time()
    with runtime.db.read() as conn:
        rows = ledger.uncarried(conn, now - _LEFT_BEHIND_SEC, most)
    if not rows:
        return 0
    errands = [
        Errand(row.id, row.image_path or row.key, row.image_target, _version(row)) for row in rows
    ]
    carried = carry_out(runtime.store, errands)
    with runtime.db.write() as conn:
        record(conn, carried, now)
    return len(carried.done)


def _version(row: ledger.Uncarried) -> str:
    # A picture that was moved before stands under a key of ours: nobody else writes there.
    return "" if row.image_path else row.version


def _run(store: Store, errand: Errand) -> Carried | None:
    try:
        if errand.target:
            return store.move(errand.source, errand.target, errand.version)
        return store.delete(errand.source, errand.version)
    except (StoreUnavailableError, InvalidKeyError) as error:
        log.warning("picture not moved yet, the sweep tries again: %s", error)
        return None
