"""Dispatch: gives waiting frames to endpoints. The lease is the limit.

One transaction at a time over all machines hands out leases, for all task types at once, so no
limit is ever passed. It costs some index look-ups for each type that waits and the frames that it
leases, however many types, services and frames there are. Frames that were parked during an outage
go with the room that live ones leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sqlalchemy import Connection

from easyai.db import ledger, rates, waiting
from easyai.db.ledger import LeasedFrame
from easyai.db.waiting import WaitingType
from easyai.domain.rate import Bucket, full
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.shares import Contender, share
from easyai.settings.schema import AiAnalysis, Settings

# Cameras looked at, however few frames are wanted: the endpoints of the first may all be full.
_MOST_CAMERAS: Final = 5000
_MOST_ROUNDS: Final = 12  # each asks for frames of the types that turned out to have more

Serves = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a leased frame is sent."""

    url: str
    service_id: str
    name: str


@dataclass(slots=True)
class Dispatched:
    """What one dispatch leased, and what it left."""

    frames: list[LeasedFrame] = field(default_factory=list)
    endpoints: dict[int, Endpoint] = field(default_factory=dict)  # by service pk
    # Of the types that this process serves: those with frames left that only wait for room, or
    # for their camera; and those with frames for which no service is there.
    crowded: list[str] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    # When to look again, by the database's clock: a frame is due, a breaker's pause over, or a
    # rate limit lets the next one through. None: nothing will change by itself.
    look_at: float | None = None
    leased_at: float = 0.0  # monotonic: when the leases began

    def look_by(self, moment: float | None) -> None:
        """Look again at this moment, if not before."""
        if moment is not None:
            self.look_at = moment if self.look_at is None else min(self.look_at, moment)


def dispatch(
    conn: Connection,
    settings: Settings,
    cache: ServiceCache,
    token: str,
    now: float,
    *,
    most: int | None = None,
    serves: Serves | None = None,
) -> Dispatched:
    """Lease up to `most` (else `batch_size`) frames inside a `Database.dispatching` transaction.

    Only of the types that this process `serves` (all when not given); those that wait elsewhere
    keep their share of the limits.
    """
    analysis = settings.ai_analysis
    cache.refresh(conn)
    look = _Look(conn, settings, cache, now, serves or _everything)
    look.run(most or analysis.batch_size)
    chosen = [(frame, service.pk) for one in look.ours() for frame, service in one.chosen]
    found = look.found
    found.frames = ledger.lease(conn, chosen, token, now, now + analysis.lease_sec)
    for one in look.ours():
        for _, service in one.chosen:
            found.endpoints[service.pk] = Endpoint(
                service.endpoint, service.service_id, service.name
            )
    look.spend_tokens()
    return found


def has_room(conn: Connection, settings: Settings, task_type: str, now: float) -> bool:
    """Whether a dispatch now would find a place for one more frame of a type."""
    cache = ServiceCache()
    cache.refresh(conn)
    look = _Look(conn, settings, cache, now, task_type.__eq__)
    look.pretend(task_type)
    look.run(1)
    return any(one.wanted for one in look.ours())


def _everything(_: str) -> bool:
    return True


class _Look:
    """One look at what waits and what the limits let through."""

    def __init__(
        self,
        conn: Connection,
        settings: Settings,
        cache: ServiceCache,
        now: float,
        serves: Serves,
    ) -> None:
        self._conn = conn
        self._settings = settings
        self._analysis: AiAnalysis = settings.ai_analysis
        self._cache = cache
        self._now = now
        self._in_flight = ledger.in_flight(conn)
        self._places = Places(self._analysis, self._in_flight, now)
        self._parked: set[str] = set()
        self._buckets: dict[str, Bucket] = {}
        self._pretended = ""
        self.found = Dispatched()
        kinds = waiting.types(conn, now)
        self._fill_buckets(kinds)
        able = [(kind, serves(kind.name)) for kind in kinds]
        self._contenders = [self._contender(*one) for one in able if self._may_go(*one)]

    def ours(self) -> Sequence[Contender]:
        """The types whose frames this process leases."""
        return [one for one in self._contenders if one.ours]

    def pretend(self, task_type: str) -> None:
        """Count a type as one with frames that wait."""
        self._pretended = task_type
        others = [one for one in self._contenders if one.name != task_type]
        self._contenders = [*others, self._contender(WaitingType(task_type, pending=True), True)]

    def run(self, most: int) -> None:
        """Choose up to `most` frames of our types and an endpoint for each."""
        if self._places.room > 0:
            self._fetch_first(most)
            for _ in range(_MOST_ROUNDS):
                self._places = Places(self._analysis, self._in_flight, self._now)
                share(self._contenders, self._places, self._cache, most, self._now)
                if not self._fetch_more():
                    break
        self.found.crowded += [one.name for one in self.ours() if self._is_crowded(one)]

    def spend_tokens(self) -> None:
        """Take what was leased out of the buckets of the types with a rate limit."""
        spent = {}
        for one in self.ours():
            bucket = self._buckets.get(one.name)
            if bucket is None:
                continue
            bucket = bucket.without(len(one.chosen))
            if one.waits and bucket.tokens < 1:
                self.found.look_by(bucket.next_at(self._per_sec(one.name)))
            if one.chosen:
                spent[one.name] = bucket
        rates.write(self._conn, spent)

    def _may_go(self, kind: WaitingType, ours: bool) -> bool:
        """Whether a type has frames that may go now, and an endpoint that takes one."""
        services = self._cache.of_type(kind.name)
        ready = kind.pending or kind.parked
        if not services:
            if ours and ready:
                self.found.unserved.append(kind.name)
            return False
        if ours:
            self.found.look_by(kind.next_due_at)
        if not ready:
            return False
        for one in services:
            if self._places.free(one) > 0:
                return True
        if ours:
            rests = [one.breaker.open_until for one in services if self._places.rests(one)]
            self.found.look_by(min((at for at in rests if at > self._now), default=None))
            if len(rests) < len(services) or min(rests) <= self._now:
                self.found.crowded.append(kind.name)  # a full one, or one on trial
        return False

    def _contender(self, kind: WaitingType, ours: bool) -> Contender:
        analysis, name = self._analysis, kind.name
        contender = Contender(name, analysis.type_settings(name).priority, ours)
        limits = [contender.limit, self._places.left_to(name)]
        if name in self._buckets:
            limits.append(int(self._buckets[name].tokens))
        contender.limit = min(limit for limit in limits if limit is not None)
        if kind.parked:
            self._parked.add(name)
        if analysis.affinity(name) and name != self._pretended:
            preferred = self._settings.frame_extractor.preferred_endpoint
            contender.home = partial(preferred, name)
        return contender

    def _fill_buckets(self, kinds: Sequence[WaitingType]) -> None:
        limited = [one.name for one in kinds if self._analysis.type_settings(one.name).rate_limit]
        known = rates.read(self._conn, limited) if limited else {}
        for name in limited:
            per_sec = self._per_sec(name)
            bucket = known.get(name) or Bucket(full(per_sec), self._now)
            self._buckets[name] = bucket.filled(per_sec, self._now)

    def _per_sec(self, task_type: str) -> float:
        return self._analysis.type_settings(task_type).rate_per_sec

    def _fetch_first(self, most: int) -> None:
        """Of each type one frame more than the least that equal shares give it."""
        able = [one for one in self._contenders if one.limit > 0]
        busy = {one.name: self._places.of_type(one.name) for one in able}
        places = min(most, self._places.room) + sum(busy.values())
        level = places // len(able) if able else 0  # of what is in flight then
        shares = [(one, max(1, level - busy[one.name])) for one in able]
        self._fetch([(one, min(share, one.limit) + 1) for one, share in shares])

    def _fetch_more(self) -> bool:
        """Frames of the types that have places for more than were fetched; whether there are."""
        more = [one for one in self._contenders if one.unseen and one.name != self._pretended]
        self._fetch([(one, len(one.frames) + one.unseen + 1) for one in more])
        return bool(more)

    def _fetch(self, wanted: Sequence[tuple[Contender, int]]) -> None:
        conn, now = self._conn, self._now
        wanted = [(one, count) for one, count in wanted if one.name != self._pretended]
        for one, _ in wanted:
            if one.home is not None:
                one.frames = waiting.due_heads(conn, one.name, now, _MOST_CAMERAS)
                one.all_seen = True
        free = {one.name: (one, count) for one, count in wanted if one.home is None}
        counts = {name: count for name, (_, count) in free.items()}
        found = waiting.due(conn, counts, now)
        short = {name: counts[name] - len(found[name]) for name in counts.keys() & self._parked}
        parked = waiting.parked(conn, {k: n for k, n in short.items() if n > 0}, now)
        for name, (one, count) in free.items():
            one.frames = found[name] + parked.get(name, [])
            one.all_seen = len(one.frames) < count
            # Of types that other workers serve the places are kept, whatever the frame.
            if one.ours and self._on_trial(name):
                one.frames = waiting.for_trial(conn, name, count, now)

    def _on_trial(self, task_type: str) -> bool:
        """Whether a type has places only at endpoints whose breaker lets one request through."""
        able = [one for one in self._cache.of_type(task_type) if self._places.free(one) > 0]
        return bool(able) and not any(one.breaker.closed for one in able)

    def _is_crowded(self, contender: Contender) -> bool:
        if contender.home is not None:
            # A camera's next frame waits for the one in flight.
            return bool(contender.chosen) or self._places.of_type(contender.name) > 0
        bucket = self._buckets.get(contender.name)
        if bucket is not None and contender.wanted >= int(bucket.tokens):
            return False  # its rate limit says when there is more
        return contender.waits
