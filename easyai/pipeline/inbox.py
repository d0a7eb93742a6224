"""What waits for the dispatcher's next transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from easyai.domain.reason import Reason
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline.answers import Answered
from easyai.pipeline.incoming import Incoming
from easyai.pipeline.picture_moves import CarriedOut

# While pictures come in one by one, a few answers wait so long for the transaction of the next
# picture: a transaction costs as much for one frame as for some.
_HOLD_SEC: Final = 0.1
_FEW: Final = 8
_EXPECT_SEC: Final = 1.0  # after a picture came in, for so long the next one is expected
_UNSETTLED: Final = Reason("call.not_written")


@dataclass(slots=True)
class Batch:
    """What a transaction takes."""

    answered: list[Answered] = field(default_factory=list)
    carried: CarriedOut = field(default_factory=CarriedOut)
    rung: Sequence[str] = ()  # types whose wakes have arrived
    incoming: Incoming | None = None

    def committed(self) -> None:
        """Answer the thread that waits for the new pictures, after the commit."""
        if self.incoming is not None:
            self.incoming.committed()

    def refuse(self, error: BaseException) -> None:
        """Give up the new pictures: the scan finds them."""
        if self.incoming is not None:
            self.incoming.failed(error)


class Inbox:
    """Answers, carried pictures, wakes and new pictures; on a single loop."""

    def __init__(self) -> None:
        self.answered: list[Answered] = []
        self.carried = CarriedOut()
        self.rung: set[str] = set()
        self._incoming: Incoming | None = None
        self._expects_until = 0.0  # monotonic
        self._held_since: float | None = None  # monotonic

    def __bool__(self) -> bool:
        """Whether anything waits except wakes."""
        return bool(self.answered or self.carried or self._incoming)

    @property
    def urgent(self) -> bool:
        """Whether wakes or new pictures wait."""
        return bool(self.rung) or self._incoming is not None

    def take_in(self, incoming: Incoming) -> None:
        """Add new pictures; the previous ones have been taken or refused."""
        self._incoming = incoming
        self._expects_until = time.monotonic() + _EXPECT_SEC

    def take(self, most: int) -> Batch:
        """Take everything, but at most so many answers."""
        batch = Batch(self.answered[:most], self.carried, sorted(self.rung), self._incoming)
        self.answered = self.answered[most:]
        self.carried, self.rung, self._incoming = CarriedOut(), set(), None
        if not self.answered:
            self._held_since = None
        return batch

    def put_back(self, batch: Batch) -> None:
        """Put back what a failed transaction took, except new pictures: the scan finds them."""
        self.answered = batch.answered + self.answered
        self.rung.update(batch.rung)
        batch.carried.add(self.carried)
        self.carried = batch.carried

    def hold_sec(self) -> float:
        """Seconds for which answers and carried pictures may still wait; 0: not at all."""
        now = time.monotonic()
        if (
            now >= self._expects_until
            or len(self.answered) >= _FEW
            or any(answer.verdict.kind is not CallResult.INFERRED for answer in self.answered)
        ):
            return 0.0
        if self._held_since is None:
            self._held_since = now
        return max(0.0, self._held_since + _HOLD_SEC - now)


def broken(answer: Answered) -> list[Answered]:
    """An answer that cannot be settled, with the verdict BROKEN; none when that failed, too."""
    if answer.verdict.reason == _UNSETTLED:
        return []  # its lease expires and the frame is inferred again
    verdict = Verdict(CallResult.BROKEN, reason=_UNSETTLED)
    return [Answered(answer.frame, answer.endpoint, verdict)]
