"""A model of an installation by the second, to test the control loop of sampling."""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from easyai.domain.sampling import LATE_SEC, EveryNth, Load, Sampling, next_sampling

LOOK_SEC = 5
WINDOW_SEC = 10


@dataclass
class SampledSite:
    """Cameras that a scan looks at each second, and algorithms with so many places.

    What the loop is shown is what the statistics and the queue of an installation would say.
    """

    places: int = 5
    call_sec: float = 0.3  # of a call, more or less
    endpoints: int = 1
    cameras: int = 5
    max_queue_size: int = 0  # beyond it, all but the newest of each camera are dropped; 0: never
    one_by_one: bool = False  # the algorithm works on a single call at a time
    sampling: Sampling = field(default_factory=Sampling)
    ns: list[int] = field(default_factory=list)  # by the second
    longest_wait: list[float] = field(default_factory=list)  # likewise
    found: Counter[int] = field(default_factory=Counter)  # by ten seconds
    done: Counter[int] = field(default_factory=Counter)
    dropped: Counter[int] = field(default_factory=Counter)
    busy_sec: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        self._random = random.Random(7)
        self._every = EveryNth()
        self._queue: deque[tuple[float, int]] = deque()  # found at, camera
        self._calls: list[tuple[float, float]] = []  # end, begin
        self._free_at = self._due = 0.0
        self._waited: float = float("inf")
        self._count = 0

    @property
    def now(self) -> int:
        return len(self.ns)

    def run(self, frames_per_sec: float, seconds: int) -> list[int]:
        """So many seconds; n in each of them."""
        for _ in range(seconds):
            now = self.now + 1
            self._work(until=now)
            self._scan(frames_per_sec * self._random.uniform(0.8, 1.2), now)
            if now % LOOK_SEC == 0:
                self._look(now)
            self._thin(now)
            self._dispatch(now)
            self.ns.append(self.sampling.n)
            self.longest_wait.append(now - self._queue[0][0] if self._queue else 0.0)
        return self.ns[-seconds:]

    def hang(self) -> None:
        """No call under way ends within the hour."""
        self._calls = [(begin + 3600, begin) for _, begin in self._calls]

    def recover(self) -> None:
        """Calls under way end now."""
        self._calls = [(float(self.now), begin) for _, begin in self._calls]

    def _work(self, until: float) -> None:
        while self._calls and self._calls[0][0] <= until:
            end, begin = heapq.heappop(self._calls)
            self.done[int(end) // 10] += 1
            self.busy_sec[int(end) // 10] += end - begin
            self._dispatch(end)

    def _dispatch(self, now: float) -> None:
        while self._queue and len(self._calls) < self.places:
            self._queue.popleft()
            end = now + self.call_sec * self._random.uniform(0.8, 1.2)
            if self.one_by_one:
                self._free_at = end = max(self._free_at, now) + self.call_sec
            heapq.heappush(self._calls, (end, now))

    def _scan(self, frames: float, now: int) -> None:
        self._due += frames
        while self._due >= 1:
            self._due -= 1
            self._count += 1
            self.found[now // 10] += 1
            camera = self._count % self.cameras
            if self._every.keeps(camera, self.sampling.n):
                self._queue.append((now, camera))

    def _thin(self, now: int) -> None:
        if self.max_queue_size and len(self._queue) > self.max_queue_size:
            newest = {camera: (at, camera) for at, camera in self._queue}
            self.dropped[now // 10] += len(self._queue) - len(newest)
            self._queue = deque(sorted(newest.values()))

    def _look(self, now: int) -> None:
        bucket = now // 10
        seconds = WINDOW_SEC + max(now - bucket * 10, 1)
        late = bool(self._queue) and now - self._queue[0][0] > LATE_SEC
        load = Load(
            found_per_sec=(self.found[bucket - 1] + self.found[bucket]) / seconds,
            done_per_sec=(self.done[bucket - 1] + self.done[bucket]) / seconds,
            waiting=len(self._queue),
            growing=len(self._queue) >= self._waited,
            late=late or self.dropped[bucket - 1] + self.dropped[bucket] > 0,
            full=len(self._calls) >= self.places,
            busy=(self.busy_sec[bucket - 1] + self.busy_sec[bucket]) / seconds / self.endpoints,
        )
        self._waited = len(self._queue)
        self.sampling = next_sampling(self.sampling, load, float(now))
