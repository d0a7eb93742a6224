"""Which turns of a dispatcher settle, which lease, and which do both in one transaction.

One transaction for both is the cheapest, but it holds the right to lease, which only one
transaction over all machines has, while it settles. Where transactions wait for this right, a
dispatcher settles in a transaction beside the others, and then holds the right only to lease.
"""

from __future__ import annotations

from typing import Final

from easyai.pipeline.inbox import Batch, Inbox

# After a turn that waited, so many turns settle apart. Two dispatchers that settle apart still wait
# for each other in a third of their turns, so they go on settling apart.
_TURNS_APART: Final = 8
_LARGEST_GROUP: Final = 500  # answers settled in a transaction


class TurnKinds:
    """Decides for each turn of a dispatcher; on a single loop."""

    def __init__(self) -> None:
        self._most = _LARGEST_GROUP  # answers per turn: 1 after an internal error, then more
        self._turns_apart = 0
        self._settles_first = False
        self._lease_next = False

    def leases(self, *, answers: bool) -> bool:
        """Whether a turn that could lease does so, with `answers` to settle or without."""
        if self._settles_first:
            return False
        return self._lease_next or not answers or self._turns_apart == 0

    def take(self, inbox: Inbox, *, leasing: bool) -> Batch:
        """What the turn writes; no answers, if it holds the right to lease only to lease.

        It takes wakes and new pictures too, because no later turn may look for their frames.
        """
        return inbox.take(0 if leasing and self._lease_next else self._most)

    def settle_first(self) -> None:
        """Let the next turn settle and not lease."""
        self._settles_first = True

    def settle_one_by_one(self) -> None:
        """Let the next turn settle a single answer, and the turns after it twice as many each."""
        self._most = 1

    def was_kept_waiting(self) -> None:
        """Settle next, and apart: the right to lease, or the database, did not answer in time."""
        self._turns_apart = _TURNS_APART
        self._lease_next = False

    def committed(self, *, could_lease: bool, leased: bool, waited: bool) -> None:
        """Note the kind of a turn that is committed; `waited`: others had the right to lease."""
        self._most = min(2 * self._most, _LARGEST_GROUP)
        self._settles_first = False
        self._lease_next = could_lease and not leased
        if leased:
            self._turns_apart = _TURNS_APART if waited else max(0, self._turns_apart - 1)
