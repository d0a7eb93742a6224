"""Dispatch: leases waiting frames to endpoints. The leases enforce the limits.

Only one transaction at a time, over all machines, leases frames, and it leases for all task types
together. So no limit is ever exceeded. Its cost is a few index look-ups for each type that waits,
plus the leased frames. It does not grow with the number of types, services and frames. Frames that
were parked during an outage use the places that live frames leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection

from easyai.db import ledger, rates, waiting
from easyai.db.waiting import WaitingType
from easyai.domain.rate_limit import Bucket, full
from easyai.pipeline.dispatched import Dispatched, Endpoint, Serves
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.shares import Contender, Ranks, share
from easyai.settings.schema import AiAnalysis, Settings

# Cameras to read even if few frames are wanted: the endpoints of the first cameras may all be full.
_MOST_CAMERAS: Final = 5000
_MOST_ROUNDS: Final = 12  # each round fetches more frames of the types that have places for more


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

    Leases only frames of the types that this process `serves` (None: all types). Types that wait
    for other processes keep their share of the limits.
    """
    analysis = settings.ai_analysis
    selection = _Selection(conn, settings, cache, now, serves or _everything)
    selection.run(most or analysis.batch_size)
    chosen = [choice for contender in selection.ours() for choice in contender.chosen]
    leases = [(frame, service.pk) for frame, service in chosen]
    dispatched = selection.found
    dispatched.frames = ledger.lease(conn, leases, token, now, now + analysis.lease_sec)
    for pk, service in {service.pk: service for _, service in chosen}.items():
        dispatched.endpoints[pk] = Endpoint(service.endpoint, service.service_id, service.name)
    selection.spend_tokens()
    return dispatched


def has_free_place(conn: Connection, settings: Settings, task_type: str, now: float) -> bool:
    """Whether a dispatch now would find a place for another frame of a type."""
    selection = _Selection(conn, settings, ServiceCache(), now, task_type.__eq__)
    selection.pretend(task_type)
    selection.run(1)
    return any(contender.wanted for contender in selection.ours())


def _everything(_: str) -> bool:
    return True


class _Selection:
    """The choice among the waiting frames, for the places that the limits leave."""

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
        # Counted before the services are read: on PostgreSQL other workers settle meanwhile, and a
        # place that they free may be one that a breaker or a cap has just taken away.
        self._in_flight = ledger.in_flight(conn)
        cache.refresh(conn)
        self._places = Places(self._analysis, self._in_flight, now)
        self._parked: set[str] = set()
        self._buckets: dict[str, Bucket] = {}
        self._pretended = ""
        self.found = Dispatched()
        kinds = waiting.types(conn, now)
        self._fill_buckets(kinds)
        able = [(kind, serves(kind.name)) for kind in kinds]
        self._contenders = [self._contender(*pair) for pair in able if self._may_go(*pair)]

    def ours(self) -> Sequence[Contender]:
        """The types whose frames this process leases."""
        return [contender for contender in self._contenders if contender.ours]

    def pretend(self, task_type: str) -> None:
        """Count a type as if it had waiting frames."""
        self._pretended = task_type
        others = [contender for contender in self._contenders if contender.name != task_type]
        self._contenders = [*others, self._contender(WaitingType(task_type, pending=True), True)]

    def run(self, most: int) -> None:
        """Choose up to `most` frames of our types and an endpoint for each."""
        if self._places.left > 0:
            self._fetch_first(most)
            for _ in range(_MOST_ROUNDS):
                share(self._contenders, self._places, self._cache, most, self._now)
                if not self._fetch_more():
                    break
                self._places = Places(self._analysis, self._in_flight, self._now)
        self.found.crowded += [
            contender.name for contender in self.ours() if self._is_crowded(contender)
        ]

    def spend_tokens(self) -> None:
        """Take a token for each leased frame from the buckets of the types with a rate limit."""
        spent = {}
        for contender in self.ours():
            bucket = self._buckets.get(contender.name)
            if bucket is None:
                continue
            bucket = bucket.without(len(contender.chosen))
            if contender.waits and bucket.tokens < 1:
                self.found.look_by(bucket.next_at(self._per_sec(contender.name)))
            if contender.chosen:
                spent[contender.name] = bucket
        rates.write(self._conn, spent)

    def _may_go(self, kind: WaitingType, ours: bool) -> bool:
        """Whether a type has frames that may go now, and an endpoint with a free place."""
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
        for service in services:
            if self._places.free(service) > 0:
                return True
        if ours:
            rests = [
                service.breaker.open_until for service in services if self._places.rests(service)
            ]
            self.found.look_by(min((at for at in rests if at > self._now), default=None))
            if len(rests) < len(services) or min(rests) <= self._now:
                self.found.crowded.append(kind.name)  # an endpoint is full or on trial
        return False

    def _contender(self, kind: WaitingType, ours: bool) -> Contender:
        analysis, name = self._analysis, kind.name
        contender = Contender(name, analysis.type_settings(name).priority, ours)
        if name in analysis.types and (left := self._places.left_to(name)) is not None:
            contender.limit = left
        if name in self._buckets:
            contender.limit = min(contender.limit, int(self._buckets[name].tokens))
        if kind.parked:
            self._parked.add(name)
        if analysis.affinity(name) and name != self._pretended:
            preferred = self._settings.frame_extractor.preferred_endpoint
            contender.home = partial(preferred, name)
        return contender

    def _fill_buckets(self, kinds: Sequence[WaitingType]) -> None:
        if not (with_limit := self._analysis.limited_types()):
            return
        limited = [kind.name for kind in kinds if kind.name in with_limit]
        known = rates.read(self._conn, limited) if limited else {}
        for name in limited:
            per_sec = self._per_sec(name)
            bucket = known.get(name) or Bucket(full(per_sec), self._now)
            self._buckets[name] = bucket.filled(per_sec, self._now)

    def _per_sec(self, task_type: str) -> float:
        return self._analysis.type_settings(task_type).rate_per_sec

    def _fetch_first(self, most: int) -> None:
        """Fetch for each type its smallest equal share of the frames in flight, plus one frame.

        With more types than places, fetch one frame each of the types that `share` asks first: the
        other types wait in any case.
        """
        able = [contender for contender in self._contenders if contender.limit > 0]
        free, beyond = min(most, self._places.left), 1
        if free < len(able):
            homeless = [contender for contender in able if contender.home is None]
            homeless.sort(key=Ranks(self._places, self._now))
            late = {contender.name for contender in homeless[free:]}
            able, beyond = [contender for contender in able if contender.name not in late], 0
        busy = {contender.name: self._places.of_type(contender.name) for contender in able}
        level = (free + sum(busy.values())) // max(1, len(able))
        shares = [(contender, max(1, level - busy[contender.name])) for contender in able]
        self._fetch(
            [(contender, min(share, contender.limit) + beyond) for contender, share in shares]
        )

    def _fetch_more(self) -> bool:
        """Fetch again for types with more places than fetched frames; False if there are none."""
        more = [
            contender
            for contender in self._contenders
            if contender.unseen and contender.name != self._pretended
        ]
        if more:
            self._fetch(
                [(contender, len(contender.frames) + contender.unseen + 1) for contender in more]
            )
        return bool(more)

    def _fetch(self, wanted: Sequence[tuple[Contender, int]]) -> None:
        conn, now = self._conn, self._now
        wanted = [
            (contender, count) for contender, count in wanted if contender.name != self._pretended
        ]
        for contender, _ in wanted:
            if contender.home is not None:
                contender.frames = waiting.due_heads(conn, contender.name, now, _MOST_CAMERAS)
                contender.all_seen = True
        free = {
            contender.name: (contender, count)
            for contender, count in wanted
            if contender.home is None
        }
        counts = {name: count for name, (_, count) in free.items()}
        pending = waiting.due(conn, counts, now)
        short = {name: counts[name] - len(pending[name]) for name in counts.keys() & self._parked}
        parked = waiting.parked(conn, {k: n for k, n in short.items() if n > 0}, now)
        for name, (contender, count) in free.items():
            contender.frames = pending[name] + parked.get(name, [])
            contender.all_seen = len(contender.frames) < count
            # For types that other workers serve, only the number of places matters.
            if contender.ours and self._on_trial(name):
                contender.frames = waiting.for_trial(conn, name, count, now)

    def _on_trial(self, task_type: str) -> bool:
        """Whether a type has places only at endpoints whose breaker is on trial."""
        on_trial = False
        for service in self._cache.of_type(task_type):
            if self._places.free(service) > 0:
                if service.breaker.closed:
                    return False  # nearly always the first service: a type may have thousands
                on_trial = True
        return on_trial

    def _is_crowded(self, contender: Contender) -> bool:
        if contender.home is not None:
            # A camera's next frame waits for its frame in flight.
            return bool(contender.chosen) or self._places.of_type(contender.name) > 0
        bucket = self._buckets.get(contender.name)
        if bucket is not None and contender.wanted >= int(bucket.tokens):
            return False  # its rate limit sets when to look again
        return contender.waits
