"""The fate of a frame: never lost for a fault that is not its own."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.fate import (
    Fate,
    alert_key,
    decide,
    failed_key,
    is_nested,
    unique_key,
)
from easyai.domain.frame import FrameState, KeyRules, Outcome
from easyai.domain.verdict import CallResult, Verdict


def fate(
    kind: CallResult,
    *,
    count: int = 0,
    attempts: int = 0,
    tries: int = 0,
    only_detections: bool = True,
    fine: bool = False,
) -> Fate:
    """The fate of a frame with at most three attempts."""
    return decide(
        Verdict(kind, detection_count=count),
        attempts=attempts,
        tries=tries,
        max_attempts=3,
        save_only_with_detection=only_detections,
        service_is_fine=fine,
    )


@pytest.mark.parametrize(
    ("count", "only_detections", "outcome"),
    [
        (1, True, Outcome.ALERT),
        (1, False, Outcome.ALERT),
        (0, False, Outcome.ALERT),
        (0, True, Outcome.NO_DETECTION),
    ],
)
def test_an_inferred_frame_is_done_as_the_operator_wants(
    count: int, only_detections: bool, outcome: Outcome
) -> None:
    decided = fate(CallResult.INFERRED, count=count, only_detections=only_detections)
    assert (decided.state, decided.outcome) == (FrameState.DONE, outcome)


def test_a_frame_whose_picture_has_gone_is_done_as_missing() -> None:
    decided = fate(CallResult.MISSING)
    assert (decided.state, decided.outcome) == (FrameState.DONE, Outcome.MISSING)


@given(
    st.sampled_from([CallResult.UNREACHABLE, CallResult.BROKEN]),
    st.integers(0, 9),
    st.integers(0, 10**6),
)
def test_a_frame_never_fails_because_services_are_down(
    kind: CallResult, attempts: int, tries: int
) -> None:
    # Three attempts and more: `max_attempts` was higher when they were made.
    decided = fate(kind, attempts=attempts, tries=tries)
    assert (decided.state, decided.outcome) == (FrameState.PENDING, None)
    assert decided.attempts == attempts
    assert 0 < decided.delay_sec <= 5.0


def test_an_unreachable_service_is_never_held_against_a_frame() -> None:
    assert fate(CallResult.UNREACHABLE, attempts=2, fine=True).attempts == 2


@pytest.mark.parametrize(("kind", "fine"), [(CallResult.REFUSED, False), (CallResult.BROKEN, True)])
def test_frame_fails_after_max_attempts_held_against_it(kind: CallResult, fine: bool) -> None:
    attempts, states = 0, []
    for _ in range(3):
        decided = fate(kind, attempts=attempts, fine=fine)
        attempts = decided.attempts
        states.append(decided.state)
    assert states == [FrameState.PENDING, FrameState.PENDING, FrameState.FAILED]
    assert decided.outcome is Outcome.FAILED
    assert decided.attempts == 3


@given(
    st.sampled_from(CallResult),
    st.integers(0, 5),
    st.integers(0, 100),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_every_settled_frame_has_an_outcome_and_every_waiting_frame_a_delay(
    kind: CallResult, attempts: int, tries: int, only_detections: bool, fine: bool, count: int
) -> None:
    decided = fate(
        kind,
        count=count,
        attempts=attempts,
        tries=tries,
        only_detections=only_detections,
        fine=fine,
    )
    assert decided.state in (FrameState.PENDING, FrameState.DONE, FrameState.FAILED)
    assert (decided.outcome is None) == (decided.state is FrameState.PENDING)
    assert (decided.delay_sec > 0) == (decided.state is FrameState.PENDING)
    assert decided.attempts >= attempts


def test_pictures_of_alerts_and_failures_go_where_no_scan_lists() -> None:
    key = "base/人数统计/门口2/2025/1.jpg"
    alert = alert_key("alerts/", "人数统计", "门口2", key)
    failed = failed_key("failed/", "人数统计", "门口2", key)
    assert (alert, failed) == ("alerts/人数统计/门口2/1.jpg", "failed/人数统计/门口2/1.jpg")
    assert KeyRules().parse(alert) is KeyRules().parse(failed) is None


@pytest.mark.parametrize(
    ("key", "unique"),
    [
        ("alerts/t/cam/1.jpg", "alerts/t/cam/1-7.jpg"),
        ("alerts/t/cam.2/20251114-164712.618.jpg", "alerts/t/cam.2/20251114-164712.618-7.jpg"),
    ],
)
def test_a_name_that_is_taken_gets_the_frames_id_before_its_suffix(key: str, unique: str) -> None:
    assert unique_key(key, 7) == unique


def test_a_unique_key_is_never_too_long_for_a_file() -> None:
    name = unique_key(f"alerts/人数统计/门口2/{'帧' * 83}.jpeg", 1234567).rpartition("/")[2]
    assert len(name.encode()) <= 255
    assert name.endswith("-1234567.jpeg")


@pytest.mark.parametrize(
    ("key", "nested"),
    [
        ("Café/Porte/1.jpg", False),
        ("cams/Café/Porte/1.jpg", False),
        ("Café/Porte/2025/1.jpg", True),
        (normalize("NFD", "Café/Porte/1.jpg"), True),
    ],
)
def test_camera_with_several_folders_may_reuse_a_file_name(key: str, nested: bool) -> None:
    assert is_nested(key, "Café", "Porte") is nested


def test_the_picture_of_an_alert_goes_to_the_folder_of_the_composed_name() -> None:
    frame = KeyRules().parse(normalize("NFD", "Café/Entrée/1.jpg"))
    assert frame is not None
    target = alert_key("alerts/", frame.task_type, frame.task_id, frame.key)
    assert target == "alerts/Café/Entrée/1.jpg"
