"""Places of a limit are shared: equally where they suffice, in rotation where they do not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random
from statistics import median

import pytest

from easyai.db.waiting import PendingFrame
from easyai.domain.breaker import Breaker
from easyai.domain.choice import choose_for_camera
from easyai.domain.service import UNLIMITED, Candidate
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.shares import Contender, Ranks, is_floor, share
from easyai.settings.schema import AiAnalysis

TYPES = ["人数统计", "人脸", "车辆", "烟火", "安全帽"]
NO_FLOOR = 1.0  # a second in which priorities and shares hold


class Services(ServiceCache):
    """The given services; by default a single service without a limit that serves all types."""

    def __init__(self, services: Collection[Candidate] | None = None) -> None:
        super().__init__()
        every = Candidate(1, "http://127.0.0.1:1/infer", "s", "", False, None)
        every.task_types = tuple(TYPES)
        self._replace([every] if services is None else services)


def shared(
    limit: int, types: Sequence[str], now: float, in_flight: dict[str, int] | None = None
) -> dict[str, int]:
    """The share of each type in a limit while each type has any number of frames."""
    contenders = [Contender(name, 5, ours=True) for name in types]
    flying = [(1, name, count) for name, count in (in_flight or {}).items()]
    places = Places(AiAnalysis(max_concurrent_infer=limit), flying, now)
    share(contenders, places, Services(), 10_000, now)
    return {contender.name: contender.wanted for contender in contenders}


@pytest.mark.parametrize(("limit", "count", "part"), [(100, 1, 100), (99, 3, 33), (5, 5, 1)])
def test_enough_places_are_shared_equally(limit: int, count: int, part: int) -> None:
    assert shared(limit, TYPES[:count], NO_FLOOR) == dict.fromkeys(TYPES[:count], part)


def test_remaining_places_are_given_out_too() -> None:
    assert sorted(shared(100, TYPES[:3], NO_FLOOR).values()) == [33, 33, 34]


def test_calls_in_flight_count_towards_the_share() -> None:
    assert shared(10, TYPES[:2], NO_FLOOR, {TYPES[0]: 4}) == {TYPES[0]: 1, TYPES[1]: 5}
    assert shared(10, TYPES[:2], NO_FLOOR, {TYPES[0]: 9}) == {TYPES[0]: 0, TYPES[1]: 1}


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_fewer_places_than_types_go_to_as_many_types(limit: int) -> None:
    for second in range(50):
        assert (
            sorted(shared(limit, TYPES, float(second)).values()) == [0] * (5 - limit) + [1] * limit
        )


def test_every_type_gets_its_turns() -> None:
    turns = dict.fromkeys(TYPES, 0)
    for second in range(500):
        for name, places in shared(1, TYPES, float(second)).items():
            turns[name] += places
    assert 60 < min(turns.values()) <= max(turns.values()) < 150


def test_all_workers_compute_equal_shares_for_any_order_of_types() -> None:
    for second in range(50):
        assert shared(2, TYPES, second + 0.1) == shared(2, TYPES[::-1], second + 0.9)


def test_type_that_gets_the_place_among_all_gets_it_among_any_subset() -> None:
    for second in range(100):
        (first,) = [name for name, places in shared(1, TYPES, second).items() if places]
        for other in (name for name in TYPES if name != first):
            assert shared(1, [other, first], second) == {first: 1, other: 0}


def test_every_tenth_second_is_the_floor_second() -> None:
    assert [second for second in range(30) if is_floor(float(second))] == [0, 10, 20]


class Slowly:
    """The same sharing by a search over all types and endpoints for each place."""

    def __init__(self, limit: int, flying: Sequence[tuple[int, str, int]], now: float) -> None:
        self.analysis, self.now = AiAnalysis(max_concurrent_infer=limit), now
        self.flying = list(flying)
        self.next: dict[str, int] = {}
        self.homes: dict[str, list[Candidate]] = {}

    def share(self, contenders: Sequence[Contender], cache: ServiceCache, most: int) -> None:
        waiting = list(contenders)
        while waiting and most > 0 and (places := self.places()).left > 0:
            first = min(waiting, key=Ranks(places, self.now))
            index = self.next.setdefault(first.name, 0)
            frame, service = self.pair(first, places, cache.of_type(first.name))
            if service is None or first.wanted >= first.limit:
                waiting.remove(first)
                continue
            if frame is None:
                first.unseen += 1
            else:
                first.chosen.append((frame, service))
                self.next[first.name] = first.frames.index(frame, index) + 1
            self.flying.append((service.pk, first.name, 1))
            most -= first.ours

    def places(self) -> Places:
        return Places(self.analysis, self.flying, self.now)

    def pair(
        self, contender: Contender, places: Places, services: Collection[Candidate]
    ) -> tuple[PendingFrame | None, Candidate | None]:
        """The next frame and its endpoint; no frame if the frames were not fetched yet."""
        left = contender.frames[self.next[contender.name] :]
        if contender.home is None:
            if not left and contender.all_seen:
                return None, None
            frame = left[0] if left else None
            return frame, self.fastest(services, places, frame.avoid_service if frame else None)
        able = [service for service in services if not places.rests(service)]
        able = self.homes.setdefault(contender.name, able)
        for frame in left:
            service = choose_for_camera(able, frame.task_id, contender.home(frame.task_id))
            if service is not None and places.free(service) > 0:
                return frame, service
        return None, None

    def fastest(
        self, services: Collection[Candidate], places: Places, avoid: int | None
    ) -> Candidate | None:
        measured = [service.ewma_ms for service in services if service.ewma_ms is not None]
        typical = median(measured) if measured else 50.0

        def key(service: Candidate) -> tuple[bool, bool, float, int, int]:
            latency = typical if service.ewma_ms is None else service.ewma_ms
            completion = (places.in_flight(service.pk) + 1) * latency
            return service.suspect, service.pk == avoid, completion, service.call_count, service.pk

        free = [service for service in services if places.free(service) > 0]
        return min(free, key=key, default=None)


def drawn_services(draw: Random) -> list[Candidate]:
    return [
        Candidate(
            *(pk, f"http://s{pk}", f"s{pk}", "", draw.random() < 0.2),
            ewma_ms=draw.choice([None, 10.0, draw.uniform(1, 100)]),
            call_count=draw.randrange(3),
            breaker=draw.choice([Breaker(), Breaker(), Breaker(9, draw.uniform(1, 20))]),
            max_concurrency=draw.choice([None, 1, 5]),
            task_types=tuple(draw.sample(TYPES, draw.randint(1, 5))),
        )
        for pk in range(draw.randint(1, 6))
    ]


def drawn_contender(draw: Random, name: str) -> Contender:
    avoided = [draw.choice([None, None, draw.randrange(6)]) for _ in range(draw.randrange(20))]
    frames = [
        PendingFrame(number, "k", name, draw.choice("abcd"), "", None, 0, 0, 0.0, pk, False, 0.0)
        for number, pk in enumerate(avoided)
    ]
    return Contender(
        name,
        draw.choice([5, 5, 6]),
        ours=draw.random() < 0.8,
        limit=draw.choice([UNLIMITED, UNLIMITED, draw.randrange(10)]),
        frames=frames,
        all_seen=draw.random() < 0.5,
        home=draw.choice([None, None, lambda camera: "http://s1" if camera == "a" else ""]),
    )


@pytest.mark.parametrize("seed", range(100))
def test_sharing_equals_an_exhaustive_search_for_each_place(seed: int) -> None:
    draw = Random(seed)
    services = drawn_services(draw)
    types = draw.sample(TYPES, draw.randint(1, 5))
    contenders = [drawn_contender(draw, name) for name in types]
    flying = [(draw.randrange(6), draw.choice(TYPES), draw.randint(1, 4)) for _ in range(3)]
    limit, most, now = draw.randint(1, 60), draw.randint(1, 40), draw.uniform(0, 30)
    slowly = [replace(contender, chosen=[]) for contender in contenders]
    Slowly(limit, flying, now).share(slowly, Services(services), most)
    places = Places(AiAnalysis(max_concurrent_infer=limit), flying, now)
    share(contenders, places, Services(services), most, now)
    assert contenders == slowly
