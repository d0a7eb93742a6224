"""Carries pictures where the ledger says they belong, after the commit that says so.

An errand may be run again after a crash: what is done already counts as done, and a newer picture
under the same key is never touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from sqlalchemy import Connection

from easyai.db import ledger, statistics
from easyai.db.statistics import Tally
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


@dataclass(slots=True)
class CarriedOut:
    """What came of a group of errands; those that failed stay in the ledger for the sweep."""

    # Targets by frame id.
    done: dict[int, str] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    replaced: dict[int, str] = field(default_factory=dict)
    failed: int = 0
    tally: Tally = field(default_factory=Tally)

    def __bool__(self) -> bool:
        return bool(self.done or self.missing or self.replaced or self.failed)

    def add(self, other: CarriedOut) -> None:
        """Take in another group."""
        self.done |= other.done
        self.missing |= other.missing
        self.replaced |= other.replaced
        self.failed += other.failed
        self.tally.moves += other.tally.moves
        self.tally.moves_failed += other.tally.moves_failed
        self.tally.move_ms_sum += other.tally.move_ms_sum
        self.tally.move_ms_max = max(self.tally.move_ms_max, other.tally.move_ms_max)


def occupied(store: Store, targets: Sequence[str], pool: Executor | None = None) -> set[str]:
    """Those of the targets under which something lies already."""
    mapped: Iterable[bool]
    if store.remote and pool is not None:
        mapped = pool.map(store.exists, targets)
    else:
        mapped = map(store.exists, targets)
    return {target for target, taken in zip(targets, mapped, strict=True) if taken}


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
            case None:
                carried.failed += 1
        if errand.target:
            carried.tally.moved(milliseconds, failed=result is not Carried.DONE)
    return carried


def record(conn: Connection, carried: CarriedOut, now: float) -> None:
    """Note in the ledger what was carried out, and count it."""
    note(conn, carried)
    count_moves(conn, carried, now)


def note(conn: Connection, carried: CarriedOut) -> None:
    """Note in the ledger what was carried out."""
    ledger.pictures_carried(conn, carried.done)
    ledger.pictures_lost(conn, carried.missing, "the picture was gone before it could be moved")
    ledger.pictures_lost(conn, carried.replaced, "a newer picture had taken its key")


def count_moves(conn: Connection, carried: CarriedOut, now: float) -> None:
    """Count moves in the statistics; the last thing of a transaction, for all lock the same row."""
    if carried.tally.moves:
        statistics.add(conn, carried.tally, now)


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
