"""Moves and deletes pictures as the ledger demands, after the commit of the demand.

A move may run again after a crash: a completed move counts as done, and a newer picture under
the same key is never touched.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from easyai.db import alerts, clock, pictures, statistics
from easyai.db.locks import lock_in_order
from easyai.db.statistics import Tally
from easyai.domain.fate import unique_key
from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import DatabaseUnavailableError, InvalidKeyError, StoreUnavailableError
from easyai.messages.catalogue import text
from easyai.pipeline.deletions import Deletions
from easyai.runtime import Runtime
from easyai.store.frame_store import Carried, Store
from easyai.system.side_by_side import SideBySide

log = logging.getLogger(__name__)

_GROUP = 20  # moves of the sweep between checks of the clock
_ROUND_SEC = 5.0
_LEFT_BEHIND_SEC = 10.0  # an older move without a result was left by a process that died


class PictureMove(NamedTuple):
    """A picture to move to `target`, or to delete if `target` is ''."""

    frame_id: int
    source: str
    target: str
    version: str  # '': not known
    ours: bool = False  # easyai moved it there: no camera writes under this name
    copied: bool = False  # the target has the picture already: delete the source

    def renamed(self) -> PictureMove:
        """The move with a unique target name, because another file has the target's name."""
        salt = secrets.token_hex(3)
        return self._replace(target=unique_key(self.target, self.frame_id, salt))


@dataclass(slots=True)
class CarriedOut:
    """The results of a group of moves; failed moves stay in the ledger for the sweep."""

    # Targets by frame id.
    done: dict[int, str] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    foreign: dict[int, str] = field(default_factory=dict)  # not the picture we put there: kept
    replaced: dict[int, str] = field(default_factory=dict)
    # PictureMoves whose target name another file has, each with the move under a unique name.
    taken: list[tuple[PictureMove, PictureMove]] = field(default_factory=list)
    # Of the taken moves, the new moves that `note` has recorded: run them after the commit.
    renamed: list[PictureMove] = field(default_factory=list)
    failed: int = 0
    reason: Reason = NO_REASON  # why the first failed
    tally: Tally = field(default_factory=Tally)

    def __bool__(self) -> bool:
        noted = self.done or self.missing or self.foreign or self.replaced or self.taken
        return bool(noted or self.failed)

    def add(self, other: CarriedOut) -> None:
        """Add the results of another group."""
        self.done |= other.done
        self.missing |= other.missing
        self.foreign |= other.foreign
        self.replaced |= other.replaced
        self.taken += other.taken
        self.failed += other.failed
        self.reason = self.reason or other.reason
        self.tally = self.tally.merged(other.tally)


def log_failed(count: int, reason: Reason) -> None:
    """Log, in a single line, how many moves failed and why the first failed."""
    if count:
        log.warning(
            "pictures not moved or deleted yet, the sweep tries again: count=%d first=%s",
            count,
            text(reason),
        )


def carry_out(
    store: Store,
    moves: Sequence[PictureMove],
    requests: SideBySide | None = None,
    *,
    again: bool = False,
) -> CarriedOut:
    """Run moves, side by side if the store is remote and `requests` is given.

    `again`: these moves have run before, so a failure is not counted as another move.
    """
    carried = CarriedOut()

    def run(move: PictureMove) -> tuple[PictureMove, Carried | Reason, float]:
        started = time.perf_counter()
        result = _run(store, move)
        return move, result, (time.perf_counter() - started) * 1000

    mapped = requests.map(run, moves) if store.remote and requests is not None else map(run, moves)
    for move, result, milliseconds in mapped:
        _sort(carried, move, result)
        if move.target and not (again and isinstance(result, Reason)):
            carried.tally.moved(milliseconds, failed=result is not Carried.DONE)
    return carried


def _sort(carried: CarriedOut, move: PictureMove, result: Carried | Reason) -> None:
    match result:
        case Carried.MISSING if move.target:
            log.error("picture lost before it was moved: source=%s", move.source)
            carried.missing[move.frame_id] = move.target
        case Carried.DONE | Carried.MISSING:
            carried.done[move.frame_id] = move.target
        case Carried.REPLACED if move.ours:
            log.warning("picture left alone, another picture was put there: key=%s", move.source)
            carried.foreign[move.frame_id] = move.target
        case Carried.REPLACED:
            carried.replaced[move.frame_id] = move.target
        case Carried.TAKEN:
            carried.taken.append((move, move.renamed()))
        case Reason():
            carried.failed += 1
            carried.reason = carried.reason or result


def record(conn: Connection, carried: CarriedOut, now: float) -> None:
    """Record the results of moves in the ledger, and count them."""
    note(conn, carried)
    statistics.add(conn, {"": carried.tally}, now)


def note(conn: Connection, carried: CarriedOut) -> None:
    """Record the results of moves in the ledger."""
    taken = [old.frame_id for old, _ in carried.taken]
    everywhere = (carried.done, carried.missing, carried.foreign, carried.replaced, taken)
    lock_in_order(conn, "frames", chain.from_iterable(everywhere))
    if changed := [*carried.missing, *carried.replaced, *taken]:
        lock_in_order(conn, "alerts", alerts.ids_of_frames(conn, changed))
    pictures.carried(conn, carried.done)
    pictures.lost(conn, carried.missing, Reason("frame.picture_lost"))
    pictures.lost(conn, carried.foreign, Reason("frame.picture_foreign"))
    # Set, not added: a transaction may be run again.
    carried.tally.superseded = pictures.replaced(
        conn, carried.replaced, Reason("frame.picture_replaced")
    )
    # Other moves got another name elsewhere already, and the ledger keeps that name.
    names = [(old.frame_id, old.target, new.target) for old, new in carried.taken]
    sent = pictures.retarget(conn, names)
    carried.renamed = [new for _, new in carried.taken if new.frame_id in sent]


class LeftBehind:
    """The moves that failed, or that processes left behind when they died.

    Each round starts where the last round ended, so that moves which cannot succeed do not hold
    up the others.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._after_id = 0

    def carry(self, seconds: float = _ROUND_SEC) -> int:
        """Run moves for about `seconds`; returns how many were carried out.

        Ends early when a whole group fails, or when a single move fails in a remote store:
        further moves would also wait for the store, or write to a full disk.
        """
        limit, everything, more = time.monotonic() + seconds, CarriedOut(), True
        while more and time.monotonic() < limit:
            carried, more = self._carry_group()
            everything.add(carried)
        log_failed(everything.failed, everything.reason)
        return len(everything.done)

    def _carry_group(self) -> tuple[CarriedOut, bool]:
        """Run the next moves; returns their results, and whether to go on."""
        with self._runtime.db.read() as conn:
            before = clock.now(conn) - _LEFT_BEHIND_SEC
            rows = pictures.uncarried(conn, before, self._after_id, _GROUP)
        self._after_id = rows[-1].id if len(rows) == _GROUP else 0
        store = self._runtime.store
        carried = carry_out(store, [move_for(row) for row in rows], again=True)
        if carried:
            self._record(carried)
        away = carried.failed and (store.remote or carried.failed == len(rows))
        return carried, self._after_id != 0 and not away

    def _record(self, carried: CarriedOut) -> None:
        try:
            with self._runtime.db.write() as conn:
                record(conn, carried, clock.now(conn))
        except SQLAlchemyError as error:
            # The new name is taken as well: record without it; the next round tries another name.
            log.warning("pictures not renamed, trying again: %s", type(error).__name__)
            with self._runtime.db.write() as conn:
                record(conn, replace(carried, taken=[]), clock.now(conn))


def carry_left_behind(runtime: Runtime) -> int:
    """Run moves left behind for a round; returns how many were carried out."""
    done = runtime.part(LeftBehind).carry()
    return done + runtime.part(Deletions).carry(time.monotonic() + _ROUND_SEC)


def move_for(row: pictures.Uncarried) -> PictureMove:
    """The move of a settled frame, from its ledger row."""
    source = row.image_path or row.key
    return PictureMove(row.id, source, row.image_target, row.version, ours=bool(row.image_path))


def _run(store: Store, move: PictureMove) -> Carried | Reason:
    """Run a move; returns its result, or why it failed."""
    try:
        if move.copied:
            store.delete(move.source, move.version)  # a newer picture is another frame: stays
            return Carried.DONE
        if move.ours:
            if move.target:
                return store.move(move.source, move.target, "")
            return store.discard(move.source, move.version)
        if move.target:
            return store.move(move.source, move.target, move.version, move.frame_id)
        return store.delete(move.source, move.version, move.frame_id)
    except (StoreUnavailableError, DatabaseUnavailableError, InvalidKeyError) as error:
        return error.reason
