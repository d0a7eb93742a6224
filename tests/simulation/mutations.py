"""Breaks the code on purpose, by a single defect at a time: the simulation must find each.

``python -m tests.simulation --mutations 100`` prints within how many seeds each was found.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from easyai.db import generations, ledger, pictures
from easyai.db.many import ManyRows
from easyai.domain.breaker import Breaker
from easyai.domain.rate_limit import Bucket
from easyai.pipeline import admission_drops, calls
from easyai.pipeline.known_pictures import KnownPictures
from easyai.pipeline.places import Places
from easyai.registry import unregistration
from easyai.store import local_watch, renames
from easyai.store.local_moves import Moves
from easyai.tasks import sweep
from tests.simulation.draw import draw
from tests.simulation.known import NOT_MENDED
from tests.simulation.world import World

MOST_SEEDS = 120


@dataclass(frozen=True)
class Mutation:
    """A defect, and where it is put in."""

    name: str
    where: Any
    attribute: str
    broken: Any
    seen_by: str = ""  # the test that fails, where a run of a minute shows nothing


@dataclass(frozen=True)
class Found:
    """The first run that a mutation broke."""

    seed: int
    violation: str


def _wrapped(where: Any, attribute: str, change: Callable[[Any], Any]) -> Any:
    real = getattr(where, attribute)
    return lambda *args, **kwargs: change(real(*args, **kwargs))


def _without(statement: ManyRows, condition: str) -> ManyRows:
    sql = statement.sql
    broken = sql.replace(condition, "")
    assert broken != sql, f"{condition!r} is not in the statement"
    return ManyRows(broken, statement.types)


def _unheard_of(change: Callable[..., None]) -> Callable[..., None]:
    """A change of the registry that workers do not hear of."""

    def changed(*args: Any) -> None:
        with patch.object(generations, "bump_registry", lambda _: 0):
            change(*args)

    return changed


MUTATIONS = (
    Mutation(
        "a service takes one request more than its limit",
        Places,
        "free",
        _wrapped(Places, "free", lambda free: free + 1),
    ),
    Mutation(
        "a type takes one request more than its limit",
        Places,
        "left_to",
        _wrapped(Places, "left_to", lambda left: None if left is None else left + 1),
    ),
    Mutation("a lease costs no token of a rate", Bucket, "without", lambda bucket, _: bucket),
    Mutation(
        "a service that is taken out is still given frames",
        unregistration,
        "_take_out",
        _unheard_of(unregistration._take_out),
    ),
    Mutation(
        "leases expire by the sweeper's own clock",
        sweep,
        "clock",
        SimpleNamespace(now=lambda _: time.time()),
    ),
    Mutation("expired leases are never given out again", ledger, "expire", lambda *_: {}),
    Mutation(
        "a late result counts",
        ledger,
        "_FINISH",
        _without(ledger._FINISH, " AND frames.lease_token = {token}"),
        # Its picture still has a single result: the answer of the lease that stands is late then.
        "integration/pipeline/test_late_results.py, ... leased_by_another_worker ...",
    ),
    Mutation(
        "a move is noted whatever the row asks for by now",
        pictures,
        "_CARRIED",
        _without(pictures._CARRIED, " AND frames.image_target = {target}"),
        # A requeue and a second settling must fit between a move and the note of it.
        "integration/pipeline/test_guards.py, test_replaced_picture_move ...",
    ),
    Mutation(
        "a rename replaces what stands there",
        renames,
        "rename_noreplace",
        os.rename,
        # A newer picture must come in the moment between two calls of the system.
        "integration/store/test_holding.py, test_rename_never_overwrites ...",
    ),
    Mutation(
        "a held picture is not looked at",
        Moves,
        "_version_at",
        lambda self, path: _AnyVersion(self, path),
    ),
    Mutation(
        "answers are settled without a look at the picture",
        calls,
        "confirm",
        lambda _runtime, answered, _pool=None: list(answered),
    ),
    Mutation(
        "a scan does not look at what others have recorded",
        KnownPictures,
        "catch_up",
        lambda *_: None,
        # Two scans at once need a process that stood still for longer than its claim lasts.
        "integration/pipeline/test_intake.py, test_picture_inferred_during_another_scan ...",
    ),
    Mutation("what a dead process left behind stays", sweep, "carry_left_behind", lambda _: 0),
    Mutation("every picture is whole", local_watch, "_wait_sec", lambda *_: 0.0),
    Mutation(
        "a breaker never lets a trial through",
        Breaker,
        "admits",
        _wrapped(Breaker, "admits", lambda most: None if most is None else 0),
    ),
    Mutation("drops are not counted", admission_drops, "_note", lambda *_: None),
)


class _AnyVersion(str):
    """A version that equals any other, where there is a picture."""

    def __new__(cls, _store: Any, _path: str) -> _AnyVersion:
        return super().__new__(cls, "any")

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@contextmanager
def put_in(mutation: Mutation | None) -> Iterator[None]:
    """Have the code broken meanwhile."""
    if mutation is None:
        yield
        return
    with patch.object(mutation.where, mutation.attribute, mutation.broken):
        yield


def find(mutation: Mutation, most_seeds: int = MOST_SEEDS) -> Found | None:
    """The first of the seeds that the mutation breaks; None when none does."""
    ignored = frozenset(NOT_MENDED)
    for seed in range(most_seeds):
        with put_in(mutation):
            violations = World(draw(seed), ignored).run().violations
        # A seed that fails without the defect as well proves nothing.
        if violations and not World(draw(seed), ignored).run().violations:
            return Found(seed, violations[0])
    return None


def main(count: int, jobs: int) -> int:
    """Try the first so many mutations and print the seed that found each; 0 when all were found."""
    chosen = MUTATIONS[:count]
    by_seed = by_test = 0
    with ProcessPoolExecutor(jobs) as pool:
        for mutation, found in zip(chosen, pool.map(_find, range(len(chosen))), strict=True):
            by_seed += found is not None
            by_test += bool(mutation.seen_by)
            where = "NOT FOUND" if found is None else f"seed {found.seed:3}"
            print(f"{where}: {mutation.name}", flush=True)
            print(f"    {found.violation[:160] if found else mutation.seen_by}", flush=True)
    print(
        f"{by_seed} of {len(chosen)} found within {MOST_SEEDS} seeds each, "
        f"{by_test} are seen by a test only"
    )
    return 0 if by_seed + by_test == len(chosen) else 1


def _find(number: int) -> Found | None:
    return None if MUTATIONS[number].seen_by else find(MUTATIONS[number])
