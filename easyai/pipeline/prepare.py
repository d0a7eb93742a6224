"""Prepare: what is done with leased frames after the lease's commit, before their calls start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from easyai.db.ledger import LeasedFrame
from easyai.domain.verdict import Verdict
from easyai.runtime import Runtime


@dataclass(slots=True)
class Prepared:
    """What came of a batch: each of its frames stands in one of the two lists."""

    ready: list[LeasedFrame] = field(default_factory=list)  # to be sent to their endpoints
    # Over without a call: settled with this verdict, as if their endpoint had given it.
    ended: list[tuple[LeasedFrame, Verdict]] = field(default_factory=list)


def prepare(runtime: Runtime, frames: Sequence[LeasedFrame]) -> Prepared:
    """Make a batch of leased frames ready for their calls.

    Runs in a thread of its own, once for each turn's frames. What it raises sends every frame of
    the batch back to pending with that reason, held against none of them.
    """
    return Prepared(ready=list(frames))
