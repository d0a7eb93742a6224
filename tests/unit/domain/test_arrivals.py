"""The order in which a scan records pictures: live frames first, cameras in turn, none lost."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.arrivals import Arrivals
from easyai.domain.frame import FrameKey

ORDERED = "绊线人数统计"


def frames(names: Iterable[int], camera: str = "1", task_type: str = "t") -> list[FrameKey]:
    """Frames of a camera, numbered as it wrote them."""
    return [FrameKey(f"{task_type}/{camera}/{n}.jpg", task_type, camera, f"{n}.jpg") for n in names]


def dated(day: str, numbers: Iterable[int]) -> list[FrameKey]:
    """Frames of a camera in a folder of a day, in no order."""
    keys = [f"{ORDERED}/1/{day}/{n}.jpg" for n in numbers]
    return [FrameKey(key, ORDERED, "1", key.rpartition("/")[2]) for key in keys[::-1]]


def numbers(keys: Iterable[str]) -> list[int]:
    """The numbers of frames."""
    return [int(key.rpartition("/")[2].removesuffix(".jpg")) for key in keys]


def new() -> Arrivals:
    """Nothing waits yet."""
    return Arrivals(lambda task_type: task_type == ORDERED)


def test_new_frames_are_given_out_beside_any_backlog() -> None:
    arrivals = new()
    arrivals.add(frames(range(50_000)), first=True)
    arrivals.add(frames([60_000]), first=False)
    assert numbers(arrivals.live(1000)) == [60_000]
    assert arrivals.live(1000) == []


def test_the_newest_of_each_camera_go_first_and_cameras_take_turns() -> None:
    arrivals = new()
    for camera, count in (("1", 1000), ("2", 3), ("3", 1000)):
        arrivals.add(frames(range(count), camera), first=True)
    page = arrivals.backlog(9)
    assert numbers(page) == [999, 998, 997, 2, 1, 0, 999, 998, 997]
    assert {key.split("/")[1] for key in arrivals.backlog(10)} == {"1", "3"}


def test_ordered_frames_begin_with_the_oldest_and_new_frames_wait_behind() -> None:
    arrivals = new()
    arrivals.add(frames([10, 9, 2, 1], task_type=ORDERED), first=True)
    arrivals.add(frames([12, 11], task_type=ORDERED), first=False)
    assert arrivals.live(10) == []
    assert numbers(arrivals.backlog(3) + arrivals.backlog(10)) == [1, 2, 9, 10, 11, 12]
    arrivals.add(frames([14, 13], task_type=ORDERED), first=False)
    assert numbers(arrivals.live(10)) == [13, 14]


def test_frames_that_go_in_order_do_so_in_whatever_order_their_folders_were_listed() -> None:
    arrivals, days = new(), ["20251114", "20251115", "20251116"]
    for day in (days[1], days[2], days[0]):
        arrivals.add(dated(day, range(3)), first=True)
    assert arrivals.backlog(100) == [f"{ORDERED}/1/{day}/{n}.jpg" for day in days for n in range(3)]


@given(st.lists(st.lists(st.integers(0, 40), max_size=8), max_size=8), st.booleans())
def test_waiting_frames_of_an_ordered_type_are_always_sorted(
    listings: list[list[int]], first: bool
) -> None:
    arrivals, waiting = new(), set()
    arrivals.add(frames([100], task_type=ORDERED), first=True)
    for names in listings:
        arrivals.add(frames(names, task_type=ORDERED), first=first)
        waiting |= set(names)
    assert numbers(arrivals.backlog(1000)) == [*sorted(waiting), 100]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["t", ORDERED]),
            st.sampled_from("123"),
            st.lists(st.integers(0, 30), max_size=8),
            st.booleans(),
            st.integers(0, 5),
        ),
        max_size=12,
    )
)
def test_each_key_is_given_out_once_and_none_is_forgotten(
    steps: list[tuple[str, str, list[int], bool, int]],
) -> None:
    arrivals, waiting = new(), set()
    for task_type, camera, names, first, most in steps:
        arrivals.add(frames(names, camera, task_type), first=first)
        waiting |= {key.key for key in frames(names, camera, task_type)}
        assert len(arrivals) == len(waiting)
        assert all(key in arrivals for key in waiting)
        for page in (arrivals.live(most), arrivals.backlog(most)):
            assert len(page) <= most
            assert len(set(page)) == len(page)
            assert set(page) <= waiting
            waiting -= set(page)
    rest = arrivals.live(1000) + arrivals.backlog(1000)
    assert sorted(rest) == sorted(waiting)
    assert len(arrivals) == 0
