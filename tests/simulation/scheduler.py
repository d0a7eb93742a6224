"""A single thread, many actors: our own clock alone decides which actor goes on.

An actor is a greenlet; it belongs to a process, the process to a machine with its own clock. Every
transaction and every store operation calls `Scheduler.point`: there another actor may go on, the
clock advances, and a process may be found killed.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from asyncio import events
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent, greenlet

_LOOK_AGAIN_SEC = 1.0
EPOCH = 1_800_000_000.0  # the true time at which every run begins, Unix seconds


class CrashError(BaseException):
    """The process that runs has been killed: nothing of it may go on."""


class RunawayError(Exception):
    """A run took more steps than any correct run."""


@dataclass
class Machine:
    """A host and its clocks; `true` is the time since the run began, in seconds."""

    name: str
    offset: float = 0.0  # of the wall clock
    drift: float = 0.0  # seconds a second, of both clocks
    suspended: float = 0.0  # seconds that the monotonic clock did not see

    def wall(self, true: float) -> float:
        """The value of `time.time` there."""
        return EPOCH + true * (1 + self.drift) + self.offset

    def monotonic(self, true: float) -> float:
        """The value of `time.monotonic` there; it never jumps."""
        return 1000.0 + true * (1 + self.drift) - self.suspended

    def lasts(self, seconds: float) -> float:
        """How long seconds by its clocks truly are."""
        return seconds / (1 + self.drift)


@dataclass(eq=False)
class Process:
    """A process of ours; all that it remembers is gone when it is killed."""

    name: str
    machine: Machine
    pid: int = 0
    alive: bool = True
    frozen_until: float = 0.0
    frozen_since: float = -1.0
    actors: list[Actor] = field(default_factory=list)


class Actor:
    """A thread of a process."""

    def __init__(
        self, name: str, process: Process | None, work: Callable[[], None], rng: random.Random
    ) -> None:
        self.name = name
        self.process = process
        self.rng = rng
        self.ticket = 0  # of its latest wake-up; earlier tickets are void
        self.done = False
        self.work = work
        self.green: Any = None


class Signal:
    """Wakes the actors that wait for it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: list[Actor] = []
        self._is_set = False

    def set(self) -> None:
        """Wake the waiting actors, or the next actor that waits."""
        self._is_set = True
        for actor in self._waiting:
            self._scheduler.wake(actor)
        self._waiting.clear()

    def wait(self, timeout: float) -> None:
        """Until it is set, or for so many seconds."""
        if not self._is_set:
            actor = self._scheduler.current
            self._waiting.append(actor)
            self._scheduler.sleep(timeout)
            if actor in self._waiting:
                self._waiting.remove(actor)
        self._is_set = False


class Lock:
    """A lock between actors, first come first served; it is free again when its holder is killed.

    Stands for the writer's lock of a database, which ends with the connection. Who waits for too
    long (its holder is frozen) gets TimeoutError.
    """

    def __init__(self, scheduler: Scheduler, limit_sec: float = math.inf) -> None:
        self._scheduler = scheduler
        self._limit_sec = limit_sec
        self._holder: Actor | None = None
        self._queue: list[Actor] = []

    @property
    def held(self) -> bool:
        """Whether the lock is held."""
        return self._holder is not None

    def __enter__(self) -> Lock:
        actor = self._scheduler.current
        if self._holder is actor:
            raise AssertionError("a transaction inside of a transaction")
        self._queue.append(actor)
        try:
            limit = self._scheduler.now + self._limit_sec
            while self._holder is not None or self._first() is not actor:
                left = limit - self._scheduler.now
                if left <= 0:
                    raise TimeoutError
                self._scheduler.sleep(min(left, _LOOK_AGAIN_SEC))
        finally:
            self._queue.remove(actor)
        self._holder = actor
        return self

    def __exit__(self, *_: object) -> None:
        self._holder = None
        if self._queue:
            self._scheduler.wake(self._first())

    def _first(self) -> Actor:
        """Who has waited longest and does not stand still."""
        now = self._scheduler.now
        standing = [
            event for event in self._queue if event.process and event.process.frozen_until > now
        ]
        return next((event for event in self._queue if event not in standing), self._queue[0])


class Scheduler:
    """Runs actors in the order of their wake-ups."""

    def __init__(self, seed: int, most_steps: int = 400_000) -> None:
        self.seed = seed
        self.now = 0.0
        self.current: Actor = Actor("hub", None, lambda: None, random.Random(seed))
        self.failures: list[tuple[str, BaseException]] = []
        self.stopped = False
        self.actors: list[Actor] = []
        self._hub = getcurrent()
        self._queue: list[tuple[float, int, int, Actor]] = []
        self._order = itertools.count()
        self._names: dict[str, int] = {}
        self._steps_left = most_steps

    def spawn(
        self, name: str, process: Process | None, work: Callable[[], None], after: float = 0.0
    ) -> Actor:
        """Start an actor; its randomness depends on the seed and on its name alone."""
        number = self._names[name] = self._names.get(name, 0) + 1
        actor = Actor(name, process, work, random.Random(f"{self.seed} {name} {number}"))
        actor.green = greenlet(lambda: self._run_actor(actor), parent=self._hub)
        if process is not None:
            process.actors.append(actor)
        self.actors.append(actor)
        self._push(actor, self.now + after)
        return actor

    def _run_actor(self, actor: Actor) -> None:
        try:
            actor.work()
        except CrashError:
            pass
        except BaseException as error:  # noqa: BLE001 - found, printed with the run's story
            self.failures.append((actor.name, error))
        finally:
            events._set_running_loop(None)
            actor.done = True
            if actor.process is not None and actor in actor.process.actors:
                actor.process.actors.remove(actor)

    def _push(self, actor: Actor, at: float) -> None:
        actor.ticket += 1
        heapq.heappush(self._queue, (at, next(self._order), actor.ticket, actor))

    def wake(self, actor: Actor) -> None:
        """Let an actor go on now that sleeps."""
        if not actor.done and actor is not self.current:
            self._push(actor, self.now)

    def sleep(self, seconds: float) -> None:
        """Let others go on for so long."""
        actor = self.current
        self._check(actor)
        self._push(actor, self.now + max(0.0, seconds))
        # Each process has its own event loop, but asyncio allows a single running loop in a thread.
        loop = events._get_running_loop()
        events._set_running_loop(None)
        try:
            self._hub.switch()
        finally:
            events._set_running_loop(loop)
        self._check(actor)

    def point(self, mean_sec: float = 0.001) -> None:
        """A step that takes a short or long time; other actors may run in between."""
        rng = self.current.rng
        draw = rng.random()
        seconds = mean_sec * rng.uniform(0.2, 2.0)
        if draw < 0.01:
            seconds += rng.uniform(0.05, 0.6)
        elif draw < 0.08:
            seconds += rng.uniform(0.0, 0.03)
        self.sleep(seconds)

    def _check(self, actor: Actor) -> None:
        if self.stopped or (actor.process is not None and not actor.process.alive):
            raise CrashError

    def kill(self, process: Process) -> None:
        """kill -9: none of its actors goes on."""
        process.alive = False
        for actor in list(process.actors):
            self.end(actor)

    def end(self, actor: Actor) -> None:
        """End an actor: its work stops where it is."""
        if actor.done or actor is self.current:
            return
        before, loop = self.current, events._get_running_loop()
        self.current = actor
        actor.green.parent = getcurrent()
        if actor.green:  # it has begun
            actor.green.throw(CrashError)
        actor.done = True
        if actor.process is not None and actor in actor.process.actors:
            actor.process.actors.remove(actor)
        self.current = before
        events._set_running_loop(loop)  # the loop of the actor that ends it

    def run(self, until: float) -> None:
        """Let time pass; raises RunawayError when nothing comes to an end."""
        self._hub = getcurrent()
        hub_actor = self.current
        while self._queue and self._queue[0][0] <= until and not self.failures:
            at, _, ticket, actor = heapq.heappop(self._queue)
            if actor.done or ticket != actor.ticket:
                continue
            process = actor.process
            if process is not None and process.frozen_until > at:
                self._push(actor, process.frozen_until)
                continue
            self.now = max(self.now, at)
            self._steps_left -= 1
            if self._steps_left <= 0:
                raise RunawayError(f"{actor.name} is still at work")
            self.current = actor
            actor.green.switch()
            self.current = hub_actor
        self.now = max(self.now, until) if not self.failures else self.now

    def advance(self, seconds: float) -> None:
        """Let so much time pass, for an actor or for the run itself."""
        if getcurrent() is self._hub:
            self.run(self.now + seconds)
        else:
            self.sleep(seconds)

    def stop(self) -> None:
        """End every actor, so that no greenlet is left behind."""
        self.stopped = True
        for actor in self.actors:
            self.end(actor)
