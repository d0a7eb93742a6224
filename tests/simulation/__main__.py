"""``python -m tests.simulation --seeds 1000``: run seeds on all cores, or print a seed's story."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

_FIXED_HASHES = "0"  # sets of names have their order from it


@dataclass(frozen=True)
class Result:
    """The result of a seed."""

    seed: int
    violations: list[str]
    seconds: float  # simulated
    frames: int
    story: str  # a digest of the events: the same for each run of the seed


def run_seed(seed: int, ignored: frozenset[str], broken: int | None = None) -> Result:
    """Run a seed; `broken`: the number of the mutation that is put into the code."""
    from tests.simulation.draw import draw
    from tests.simulation.world import World

    with _broken(broken):
        outcome = World(draw(seed), ignored).run()
    story = hashlib.sha256("\n".join(outcome.story).encode()).hexdigest()[:12]
    return Result(seed, outcome.violations, outcome.seconds, outcome.frames, story)


def main() -> int:
    """0 when every promise held in every run."""
    if os.environ.get("PYTHONHASHSEED") != _FIXED_HASHES:
        os.environ["PYTHONHASHSEED"] = _FIXED_HASHES
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    options = _options()
    if options.mutations:
        from tests.simulation import mutations

        return mutations.main(options.mutations, options.jobs)
    ignored = frozenset(options.ignore.split(",")) if options.ignore else _not_mended()
    if options.seed is not None:
        return _run_seed(options.seed, ignored, shrinking=options.shrink)
    seeds = options.only or range(options.first, options.first + options.seeds)
    run = partial(run_seed, ignored=ignored, broken=options.broken)
    failed = _many(seeds, run, options.jobs, stories=bool(options.only))
    if failed:
        _print_smallest(failed[0], ignored, options.broken)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument(
        "--only",
        type=lambda text: [int(seed) for seed in text.split(",")],
        help="these seeds, such as 3,5,8; with a digest of the story of each",
    )
    parser.add_argument("--seed", type=int, help="run this seed and print its story")
    parser.add_argument("--shrink", action="store_true", help="make a failing plan smaller first")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--ignore", default="", help="kinds of violations that end no run")
    parser.add_argument(
        "--mutations", type=int, help="break the code on purpose, in the first so many ways"
    )
    parser.add_argument("--broken", type=int, help="run the seeds with this mutation in the code")
    return parser.parse_args()


@contextmanager
def _broken(number: int | None) -> Iterator[None]:
    from tests.simulation.mutations import MUTATIONS, put_in

    with put_in(None if number is None else MUTATIONS[number]):
        yield


def _not_mended() -> frozenset[str]:
    from tests.simulation.known import NOT_MENDED

    return frozenset(NOT_MENDED)


def _run_seed(seed: int, ignored: frozenset[str], *, shrinking: bool) -> int:
    from tests.simulation.draw import draw
    from tests.simulation.shrink import kind_of, shrink
    from tests.simulation.world import World

    plan = draw(seed)
    outcome = World(plan, ignored).run()
    if outcome.violations and shrinking:
        plan = shrink(plan, kind_of(outcome.violations[0]), ignored)
        outcome = World(plan, ignored).run()
    print(plan.as_text())
    print("\n".join(outcome.story))
    for violation in outcome.violations:
        print(f"seed {seed}: {violation}")
    if not outcome.violations:
        print(f"seed {seed}: every promise held, {outcome.frames} pictures")
    return 1 if outcome.violations else 0


def _many(
    seeds: Sequence[int], run: Callable[[int], Result], jobs: int, *, stories: bool
) -> list[Result]:
    """Run the seeds; return the failures."""
    began, kinds, failed = time.monotonic(), Counter[str](), list[Result]()
    done = frames = 0
    simulated = 0.0
    with ProcessPoolExecutor(jobs) as pool:
        for result in pool.map(run, seeds, chunksize=4):
            done, frames, simulated = (
                done + 1,
                frames + result.frames,
                simulated + result.seconds,
            )
            if stories:
                print(f"seed {result.seed}: story {result.story}")
            if result.violations:
                failed.append(result)
                kinds[result.violations[0].split(":")[0]] += 1
                print(f"seed {result.seed}: {result.violations[0]}", flush=True)
            if done % 50 == 0:
                rate = done / (time.monotonic() - began)
                print(f"{done} of {len(seeds)} seeds, {rate:.1f} a second", flush=True)
    took = time.monotonic() - began
    print(
        f"{done} runs, {frames} pictures, {simulated / 3600:.1f} simulated hours in {took:.0f} s; "
        f"{len(failed)} failed {dict(kinds) if kinds else ''}"
    )
    return failed


def _print_smallest(first: Result, ignored: frozenset[str], broken: int | None) -> None:
    """Make the plan of a run that failed smaller, and print what is left of it."""
    from tests.simulation.draw import draw
    from tests.simulation.shrink import kind_of, shrink

    print(f"seed {first.seed} is made smaller …", flush=True)
    with _broken(broken):
        plan = shrink(draw(first.seed), kind_of(first.violations[0]), ignored)
    print(f"what is left of the plan of seed {first.seed}:\n{plan.as_text()}")
    print(f"its story: make simulate SEED={first.seed}")


if __name__ == "__main__":
    sys.exit(main())
