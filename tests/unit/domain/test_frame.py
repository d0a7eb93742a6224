"""Which keys are frames, and when a frame was captured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.frame import FrameKey, KeyRules, captured_at, is_date, is_picture, written_at

RULES = KeyRules()
BASED = KeyRules("cams/frames/", ("alerts/", "failed/"))
part = st.text(st.characters(exclude_characters="/"), max_size=8)


@pytest.fixture
def shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time eight hours ahead of UTC, without daylight saving."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_frame_names_its_type_its_camera_and_its_file() -> None:
    key = "人数统计/门口2/20251114-164712.618.jpg"
    assert RULES.parse(key) == FrameKey(key, "人数统计", "门口2", "20251114-164712.618.jpg")


def test_folders_below_the_camera_do_not_change_type_and_camera() -> None:
    key = "t/cam/2025/11/14/1.png"
    assert RULES.parse(key) == FrameKey(key, "t", "cam", "1.png")


@pytest.mark.parametrize("name", ["1.jpg", "1.JPG", "1.Jpeg", "1.PNG", "a b.jpg", "1.jpg.png"])
def test_pictures_are_known_by_their_suffix_in_any_case(name: str) -> None:
    assert is_picture(name)
    assert RULES.parse(f"t/cam/{name}") is not None


_NO_FRAMES = [
    "t/cam/algo_config.json",
    "t/cam/1.json",
    "t/cam/1.jpg.part",
    "t/cam/1jpg",
    "t/cam/preview_1.jpg",
    "t/cam/.1.jpg",
    "t/.cam/1.jpg",
    ".t/cam/1.jpg",
    "t/cam/.hidden/1.jpg",
    "t/cam/../1.jpg",
    "t/./1.jpg",
    "t//1.jpg",
    "/t/cam/1.jpg",
    "t/cam/",
    "t/1.jpg",
    "1.jpg",
    "",
    "alerts/t/cam/1.jpg",
    "failed/t/cam/1.jpg",
]


def test_key_of_no_frame_is_parsed_as_none(subtests: pytest.Subtests) -> None:
    for key in _NO_FRAMES:
        with subtests.test(key=key):
            assert RULES.parse(key) is None


@pytest.mark.parametrize("key", ["alerts2/cam/1.jpg", "t/alerts/1.jpg", "t/preview_cam/1.jpg"])
def test_only_keys_under_the_alert_folder_are_left_out(key: str) -> None:
    assert RULES.parse(key) is not None


def test_the_base_path_is_no_part_of_type_and_camera() -> None:
    key = "cams/frames/t/cam/1.jpg"
    assert BASED.parse(key) == FrameKey(key, "t", "cam", "1.jpg")


@pytest.mark.parametrize("key", ["t/cam/1.jpg", "cams/frames/cam/1.jpg", "cams/frames2/t/c/1.jpg"])
def test_a_key_outside_the_base_path_is_no_frame(key: str) -> None:
    assert BASED.parse(key) is None


def test_alerts_inside_the_base_path_are_left_out() -> None:
    rules = KeyRules("cams/", ("cams/alerts/",))
    assert rules.parse("cams/alerts/cam/1.jpg") is None
    assert rules.parse("cams/t/cam/1.jpg") is not None


@given(st.lists(part, max_size=5).map("/".join))
def test_parsed_key_holds_type_camera_and_file_name(key: str) -> None:
    frame = RULES.parse(key)
    if frame is not None:
        assert key.startswith(f"{frame.task_type}/{frame.task_id}/")
        assert key.endswith(f"/{frame.filename}")
        assert frame.task_type
        assert frame.task_id


@given(st.lists(part, max_size=5).map("/".join))
def test_no_key_is_both_frame_and_stray(key: str) -> None:
    assert not (RULES.parse(key) and RULES.is_stray_picture(key))


@pytest.mark.parametrize(
    ("key", "stray"),
    [
        ("1.jpg", True),
        ("t/1.jpg", True),
        ("t/cam/1.jpg", False),
        ("t/.1.jpg", False),
        ("t/1.txt", False),
        ("alerts/1.jpg", False),
    ],
)
def test_a_picture_too_high_in_the_tree_is_a_stray(key: str, stray: bool) -> None:
    assert RULES.is_stray_picture(key) is stray


def test_picture_above_the_base_path_is_ignored() -> None:
    assert BASED.is_stray_picture("cams/1.jpg") is False
    assert BASED.is_stray_picture("cams/frames/1.jpg") is True


def test_the_configuration_of_a_camera_lies_beside_its_frames() -> None:
    assert RULES.algo_config_key("人数统计/门口2/1/x.jpg") == "人数统计/门口2/algo_config.json"
    assert BASED.algo_config_key("cams/frames/t/cam/x.jpg") == "cams/frames/t/cam/algo_config.json"


@pytest.mark.usefixtures("shanghai")
@pytest.mark.parametrize(
    ("filename", "fraction"),
    [
        ("20251114-164712.618.jpg", 0.618),
        ("20251114-164712.jpg", 0.0),
        ("20251114-164712.123456.jpg", 0.123456),
        ("20251114-164712.5.png", 0.5),
        ("20251114-164712-cam2.jpg", 0.0),
    ],
)
def test_the_time_in_a_name_is_local_time_to_the_fraction(filename: str, fraction: float) -> None:
    moment = datetime(2025, 11, 14, 8, 47, 12, tzinfo=UTC).timestamp()
    assert captured_at(filename, 1.0) == pytest.approx(moment + fraction, abs=1e-5)


@pytest.mark.parametrize(
    "filename",
    [
        "frame1.jpg",
        "20251314-164712.jpg",
        "20251114-254712.jpg",
        "x20251114-164712.jpg",
        "",
        "٢٠٢٥",
    ],
)
def test_a_name_without_a_time_falls_back_to_when_it_was_written(filename: str) -> None:
    assert captured_at(filename, 1234.5) == 1234.5


@given(st.text(max_size=30) | st.from_regex(r"\d{8}-\d{6}(\.\d{1,6})?\.jpg", fullmatch=True))
def test_time_of_any_name_is_found_without_error(filename: str) -> None:
    assert isinstance(captured_at(filename, 1.0), float)


def test_frames_of_a_camera_sort_in_the_order_of_their_names() -> None:
    names = [f"20251114-1647{second:02}.{milli:03}.jpg" for second in (1, 2) for milli in (1, 618)]
    times = [captured_at(name, 0.0) for name in names]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


@pytest.mark.parametrize(
    "folder",
    ["20251114", "2025-11-14", "2025_11_14", "2025.11", "202511", "2025", "2025年11月14日"],
)
def test_folder_with_a_date_is_recognised(folder: str) -> None:
    assert is_date(folder)


@pytest.mark.parametrize(
    "folder", ["人数统计", "20251314", "2025111", "1", "30251114", "20251114-cam", "人脸2025", ""]
)
def test_folder_of_a_task_type_is_not_a_date(folder: str) -> None:
    assert not is_date(folder)


@pytest.mark.parametrize(
    ("modified_at", "written"),
    [(1e9, 1e9), (2e9 + 59, 2e9 + 59), (2e9 + 3600, 2e9), (0.0, 2e9), (-1e9, 2e9), (1e18, 2e9)],
)
def test_impossible_file_time_is_replaced_by_the_time_of_finding(
    modified_at: float, written: float
) -> None:
    assert written_at(modified_at, found_at=2e9) == written


def test_names_are_composed_and_keys_are_the_bytes_of_the_store() -> None:
    key = normalize("NFD", "cams/frames/Café/Entrée 2/é.jpg")
    frame = BASED.parse(key)
    assert frame is not None
    assert (frame.task_type, frame.task_id) == ("Café", "Entrée 2")
    assert (frame.key, frame.filename) == (key, normalize("NFD", "é.jpg"))


def test_a_decomposed_folder_holds_the_configuration_of_its_own_frames() -> None:
    folder = normalize("NFD", "cams/frames/Café/Entrée 2")
    assert BASED.camera_folder(f"{folder}/1/x.jpg") == f"{folder}/"
    assert BASED.algo_config_key(f"{folder}/x.jpg") == f"{folder}/algo_config.json"
