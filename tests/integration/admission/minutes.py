"""Minutes of an installation in seconds: real scans and transactions on a simulated clock."""

from __future__ import annotations

import heapq
from types import SimpleNamespace

import pytest

from easyai.db import task_types
from easyai.db.ledger import LeasedFrame
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import scan_sampling
from easyai.pipeline.answers import Answered
from easyai.pipeline.dispatched import Endpoint
from easyai.pipeline.picture_moves import CarriedOut, carry_out
from easyai.pipeline.transaction import run_transaction
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import set_clocks
from tests.support.site import TYPE, Installation

BEGIN = 1_800_000_000.0
_TOGETHER_SEC = 0.02  # answers within this time are settled in one transaction


class Minutes:
    """Cameras scanned every second, and a service whose calls take `call_sec` each."""

    def __init__(
        self, site: Installation, monkeypatch: pytest.MonkeyPatch, places: int, call_sec: float
    ) -> None:
        self.site = site
        self.call_sec = call_sec
        self.now = BEGIN
        self.ns: list[int] = []  # sampling n of each second
        self.waiting: list[int] = []  # waiting frames after each scan, one number a second
        self._calls: list[tuple[float, int, float, LeasedFrame, Endpoint]] = []
        self._carried = CarriedOut()
        self._count = self._transactions = 0
        set_clocks(monkeypatch, lambda: self.now)
        clock = SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now)
        monkeypatch.setattr(scan_sampling, "time", clock)
        site.register(AlgorithmStub(), max_concurrency=places)

    def run(self, frames_per_sec: int, seconds: int) -> list[int]:
        """Run for `seconds`; returns n after each second."""
        for _ in range(seconds):
            self._work(until=self.now + 1)
            for _ in range(frames_per_sec):
                self._count += 1
                self.site.put(f"{TYPE}/camera{self._count % 5}/{self._count:06d}.jpg")
            self.site.scan()
            self._transaction([])
            with self.site.runtime.db.read() as conn:
                self.ns.append(task_types.sampling(conn)[TYPE].n)
            self.waiting.append(self.site.count("pending"))
        return self.ns[-seconds:]

    def _work(self, until: float) -> None:
        while self._calls and self._calls[0][0] <= until:
            self.now = self._calls[0][0]
            answered = []
            while self._calls and self._calls[0][0] <= self.now + _TOGETHER_SEC:
                _, _, began, frame, endpoint = heapq.heappop(self._calls)
                verdict = Verdict(CallResult.INFERRED, elapsed_ms=(self.now - began) * 1000)
                answered.append(Answered(frame, endpoint, verdict))
            self._transaction(answered)
        self.now = until

    def _transaction(self, answered: list[Answered]) -> None:
        runtime, carried = self.site.runtime, self._carried
        self._transactions += 1
        settled, dispatched = run_transaction(
            runtime, answered, carried, f"turn {self._transactions}"
        )
        self._carried = carry_out(runtime.store, settled.moves)
        for frame in dispatched.frames:
            endpoint = dispatched.endpoints[frame.service_pk]
            call = (self.now + self.call_sec, frame.id, self.now, frame, endpoint)
            heapq.heappush(self._calls, call)
