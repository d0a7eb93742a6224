"""Which endpoint takes a frame, and which one keeps a camera."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.choice import choose_fastest, choose_for_camera, with_one_more
from easyai.domain.service import Candidate


def candidate(
    pk: int,
    *,
    ewma_ms: float | None = 100.0,
    in_flight: int = 0,
    free: int | None = None,
    suspect: bool = False,
    call_count: int = 0,
) -> Candidate:
    """An endpoint of a service."""
    endpoint = f"http://127.0.0.1:{7900 + pk}/infer"
    return Candidate(pk, endpoint, f"s{pk}", "", suspect, in_flight, free, ewma_ms, call_count)


def chosen(*candidates: Candidate, avoid: int | None = None) -> int | None:
    """The pk of the fastest."""
    fastest = choose_fastest(candidates, avoid)
    return fastest.pk if fastest else None


candidates = st.lists(
    st.builds(
        candidate,
        pk=st.integers(1, 50),
        ewma_ms=st.none() | st.floats(0.01, 60_000),
        in_flight=st.integers(0, 100),
        free=st.none() | st.integers(0, 3),
        suspect=st.booleans(),
        call_count=st.integers(0, 10**9),
    ),
    max_size=8,
    unique_by=lambda one: one.pk,
)
cameras = [f"门口{number}" for number in range(200)]


@given(candidates, st.none() | st.integers(1, 50))
def test_a_full_endpoint_is_never_chosen_and_a_free_one_always(
    those: list[Candidate], avoid: int | None
) -> None:
    fastest = choose_fastest(those, avoid)
    if any(one.free != 0 for one in those):
        assert fastest in those
        assert fastest is not None
        assert fastest.free != 0
    else:
        assert fastest is None


@given(candidates)
def test_the_order_of_the_candidates_does_not_matter(those: list[Candidate]) -> None:
    assert choose_fastest(those) == choose_fastest(list(reversed(those)))


@given(candidates)
def test_a_suspect_is_chosen_only_when_no_other_is_free(those: list[Candidate]) -> None:
    fastest = choose_fastest(those)
    if fastest is not None and fastest.suspect:
        assert all(one.suspect or one.free == 0 for one in those)


def test_nobody_is_chosen_of_none() -> None:
    assert choose_fastest([]) is None
    assert choose_for_camera([], "cam") is None


def test_the_least_expected_completion_time_wins() -> None:
    assert chosen(candidate(1, ewma_ms=100), candidate(2, ewma_ms=50)) == 2
    assert chosen(candidate(1, ewma_ms=100), candidate(2, ewma_ms=50, in_flight=2)) == 1
    assert (
        chosen(candidate(1, ewma_ms=100, in_flight=1), candidate(2, ewma_ms=50, in_flight=2)) == 2
    )


def test_a_service_never_measured_counts_as_the_median() -> None:
    busy, typical, slow = (candidate(pk, ewma_ms=ms) for pk, ms in ((1, 10), (2, 100), (3, 1000)))
    new, busy = candidate(4, ewma_ms=None), replace(busy, in_flight=99)
    assert chosen(new, busy, typical, slow) == 2
    assert chosen(new, busy, replace(typical, in_flight=1), slow) == 4


def test_the_endpoint_that_failed_the_frame_comes_after_the_others_of_its_kind() -> None:
    fast, slow = candidate(1, ewma_ms=1), candidate(2, ewma_ms=1000)
    suspect = candidate(3, ewma_ms=1, suspect=True)
    assert chosen(fast, slow, avoid=1) == 2
    assert chosen(fast, suspect, avoid=1) == 1
    assert chosen(fast, avoid=1) == 1


def test_equals_take_turns() -> None:
    those = [candidate(pk) for pk in (1, 2, 3)]
    taken: Counter[int] = Counter()
    for _ in range(30):
        fastest = choose_fastest(those)
        assert fastest is not None
        taken[fastest.pk] += 1
        those[those.index(fastest)] = replace(fastest, call_count=fastest.call_count + 1)
    assert set(taken.values()) == {10}


def test_giving_one_more_uses_up_a_place() -> None:
    more = with_one_more(candidate(1, free=2, in_flight=1, call_count=5))
    assert (more.free, more.in_flight, more.call_count) == (1, 2, 6)
    assert with_one_more(candidate(1)).free is None


@given(candidates)
def test_giving_out_frames_never_exceeds_what_is_free(those: list[Candidate]) -> None:
    places = {one.pk: one.free for one in those if one.free is not None}
    taken: Counter[int] = Counter()
    for _ in range(40):
        fastest = choose_fastest(those)
        if fastest is None:
            break
        taken[fastest.pk] += 1
        those[those.index(fastest)] = with_one_more(fastest)
    assert all(taken[pk] <= free for pk, free in places.items())


def test_a_camera_goes_where_the_operator_wants_it() -> None:
    those = [candidate(pk) for pk in range(1, 6)]
    for one in those:
        assert choose_for_camera(those, "门口2", one.endpoint) == one


def test_a_camera_whose_preferred_endpoint_has_gone_is_still_served() -> None:
    those = [candidate(1), candidate(2)]
    gone = candidate(3).endpoint
    assert choose_for_camera(those, "门口2", gone) == choose_for_camera(those, "门口2")


def test_a_camera_waits_for_its_endpoint_when_that_is_full() -> None:
    those = [candidate(pk) for pk in (1, 2)]
    before = choose_for_camera(those, "门口2")
    full = [replace(one, free=0, in_flight=9, ewma_ms=9e9) for one in those]
    after = choose_for_camera(full, "门口2")
    assert before is not None
    assert after is not None
    assert after.pk == before.pk


@given(st.integers(2, 12), st.data())
def test_only_the_cameras_of_an_endpoint_that_goes_away_move(
    count: int, data: st.DataObject
) -> None:
    those = [candidate(pk) for pk in range(1, count + 1)]
    gone = data.draw(st.sampled_from(those))
    rest = [one for one in those if one != gone]
    for camera in cameras[:40]:
        before = choose_for_camera(those, camera)
        after = choose_for_camera(data.draw(st.permutations(rest)), camera)
        assert after in rest
        assert before in (gone, after)


def test_cameras_spread_over_the_endpoints() -> None:
    those = [candidate(pk) for pk in (1, 2, 3, 4)]
    placed = [choose_for_camera(those, camera) for camera in cameras]
    share = Counter(one.pk for one in placed if one)
    assert set(share) == {1, 2, 3, 4}
    assert min(share.values()) >= 25  # of 50 expected
