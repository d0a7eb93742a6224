"""Which endpoint gets a frame, and which endpoint keeps a camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.choice import FastestFirst, Ranking, choose_for_camera
from easyai.domain.service import Candidate


def candidate(
    pk: int, *, ewma_ms: float | None = 100.0, suspect: bool = False, call_count: int = 0
) -> Candidate:
    """An endpoint of a service."""
    return Candidate(
        pk, f"http://127.0.0.1:{7900 + pk}/infer", f"s{pk}", "", suspect, ewma_ms, call_count
    )


@dataclass
class FixedLoad:
    """Calls in flight and free places by pk; by default 0 calls and any number of places."""

    flying: dict[int, int] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)

    def in_flight(self, pk: int) -> int:
        return self.flying.get(pk, 0)

    def free(self, candidate: Candidate) -> int:
        return self.places.get(candidate.pk, 1000)

    def busy(self) -> Set[int]:
        return {pk for pk, count in self.flying.items() if count}

    def take(self, pk: int) -> None:
        self.flying[pk] = self.in_flight(pk) + 1
        if pk in self.places:
            self.places[pk] -= 1


def chosen(
    *candidates: Candidate, load: FixedLoad | None = None, avoid: int | None = None
) -> int | None:
    """The pk of the endpoint that gets a single frame."""
    fastest = FastestFirst(Ranking(candidates), load or FixedLoad()).take(avoid)
    return fastest.pk if fastest else None


def slowly_chosen(endpoints: Sequence[Candidate], load: FixedLoad, avoid: int | None) -> int | None:
    """The same by looking at every endpoint."""
    measured = [endpoint.ewma_ms for endpoint in endpoints if endpoint.ewma_ms is not None]
    typical = median(measured) if measured else 50.0

    def key(endpoint: Candidate) -> tuple[bool, bool, float, int, int]:
        latency = typical if endpoint.ewma_ms is None else endpoint.ewma_ms
        completion = (load.in_flight(endpoint.pk) + 1) * latency
        return endpoint.suspect, endpoint.pk == avoid, completion, endpoint.call_count, endpoint.pk

    free = [endpoint for endpoint in endpoints if load.free(endpoint) > 0]
    return min(free, key=key).pk if free else None


pks = st.integers(1, 50)
candidates = st.lists(
    st.builds(
        candidate,
        pk=pks,
        ewma_ms=st.none() | st.floats(0.01, 60_000),
        suspect=st.booleans(),
        call_count=st.integers(0, 10**9),
    ),
    max_size=12,
    unique_by=lambda endpoint: endpoint.pk,
)
loads = st.builds(
    FixedLoad,
    st.dictionaries(pks, st.integers(0, 100)),
    st.dictionaries(pks, st.integers(0, 3)),
)
cameras = [f"门口{number}" for number in range(200)]


@given(candidates, loads, st.lists(st.none() | pks, max_size=30))
def test_choice_equals_an_exhaustive_search_over_all_endpoints(
    endpoints: list[Candidate], load: FixedLoad, avoided: list[int | None]
) -> None:
    fastest = FastestFirst(Ranking(endpoints), load)
    for avoid in avoided:
        expected = slowly_chosen(endpoints, load, avoid)
        taken = fastest.take(avoid)
        assert (taken.pk if taken else None) == expected
        if taken is not None:
            load.take(taken.pk)


@given(candidates, loads, st.lists(pks, max_size=40), st.data())
def test_choice_sees_the_current_state_of_endpoints_that_others_use(
    endpoints: list[Candidate], load: FixedLoad, taken_by_others: list[int], data: st.DataObject
) -> None:
    ranking = Ranking(endpoints)
    for endpoint in (
        data.draw(st.lists(st.sampled_from(endpoints), max_size=5)) if endpoints else []
    ):
        endpoint.call_count += 1
        if endpoint.ewma_ms is not None:
            endpoint.ewma_ms = data.draw(st.floats(0.01, 60_000))
        ranking.note_change(endpoint.pk)
    ranking._sort()  # the median as the slow way takes it
    for endpoint in (
        data.draw(st.lists(st.sampled_from(endpoints), max_size=5)) if endpoints else []
    ):
        endpoint.call_count += 1
        ranking.note_change(endpoint.pk)
    fastest = FastestFirst(ranking, load)
    for other in taken_by_others:
        if load.places.get(other, 1) > 0:
            load.take(other)
        expected = slowly_chosen(endpoints, load, None)
        taken = fastest.take()
        assert (taken.pk if taken else None) == expected
        if taken is not None:
            load.take(taken.pk)


def test_no_endpoint_is_chosen_when_there_is_none() -> None:
    assert chosen() is None
    assert choose_for_camera([], "cam") is None


def test_the_least_expected_completion_time_wins() -> None:
    slow, fast = candidate(1, ewma_ms=100), candidate(2, ewma_ms=50)
    assert chosen(slow, fast) == 2
    assert chosen(slow, fast, load=FixedLoad({2: 2})) == 1
    assert chosen(slow, fast, load=FixedLoad({1: 1, 2: 2})) == 2


def test_a_service_never_measured_counts_as_the_median() -> None:
    endpoints = [candidate(pk, ewma_ms=ms) for pk, ms in ((1, 10), (2, 100), (3, 1000), (4, None))]
    assert chosen(*endpoints, load=FixedLoad({1: 99})) == 2
    assert chosen(*endpoints, load=FixedLoad({1: 99, 2: 1})) == 4


def test_endpoint_that_failed_the_frame_comes_after_equal_endpoints() -> None:
    fast, slow = candidate(1, ewma_ms=1), candidate(2, ewma_ms=1000)
    suspect = candidate(3, ewma_ms=1, suspect=True)
    assert chosen(fast, slow, avoid=1) == 2
    assert chosen(fast, suspect, avoid=1) == 1
    assert chosen(fast, avoid=1) == 1


def test_equal_endpoints_take_turns() -> None:
    endpoints = [candidate(pk) for pk in (1, 2, 3)]
    ranking, taken = Ranking(endpoints), Counter[int]()
    for _ in range(30):
        fastest = FastestFirst(ranking, FixedLoad()).take()
        assert fastest is not None
        taken[fastest.pk] += 1
        fastest.call_count += 1
        ranking.note_change(fastest.pk)
    assert set(taken.values()) == {10}


def test_choice_cost_depends_on_endpoints_taken_not_on_all_endpoints() -> None:
    class CountingLoad(FixedLoad):
        asked = 0

        def in_flight(self, pk: int) -> int:
            self.asked += 1
            return super().in_flight(pk)

    ranking = Ranking(candidate(pk, ewma_ms=float(pk)) for pk in range(1, 3001))
    load = CountingLoad({5: 3, 7: 1})
    fastest = FastestFirst(ranking, load)
    for _ in range(10):
        taken = fastest.take()
        assert taken is not None
        load.take(taken.pk)
    assert load.asked < 200


def test_camera_goes_to_the_endpoint_preferred_by_the_operator() -> None:
    endpoints = [candidate(pk) for pk in range(1, 6)]
    for endpoint in endpoints:
        assert choose_for_camera(endpoints, "门口2", endpoint.endpoint) == endpoint


def test_a_camera_whose_preferred_endpoint_has_gone_is_still_served() -> None:
    endpoints = [candidate(1), candidate(2)]
    gone = candidate(3).endpoint
    assert choose_for_camera(endpoints, "门口2", gone) == choose_for_camera(endpoints, "门口2")


@given(st.integers(2, 12), st.data())
def test_only_cameras_of_a_removed_endpoint_move(count: int, data: st.DataObject) -> None:
    endpoints = [candidate(pk) for pk in range(1, count + 1)]
    gone = data.draw(st.sampled_from(endpoints))
    rest = [endpoint for endpoint in endpoints if endpoint != gone]
    for camera in cameras[:40]:
        before = choose_for_camera(endpoints, camera)
        after = choose_for_camera(data.draw(st.permutations(rest)), camera)
        assert after in rest
        assert before in (gone, after)


def test_cameras_spread_over_the_endpoints() -> None:
    endpoints = [candidate(pk) for pk in (1, 2, 3, 4)]
    placed = [choose_for_camera(endpoints, camera) for camera in cameras]
    share = Counter(endpoint.pk for endpoint in placed if endpoint)
    assert set(share) == {1, 2, 3, 4}
    assert min(share.values()) >= 25  # of 50 expected
