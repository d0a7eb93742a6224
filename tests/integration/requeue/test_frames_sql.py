"""Queries of frames: their results, order and indexes."""

from __future__ import annotations

from easyai.db import frames
from easyai.db.frames import FrameFilter
from easyai.domain.frame import FrameState
from easyai.domain.reason import Reason
from easyai.runtime import Runtime
from tests.support.installation import TYPE, Installation


def _newest(runtime: Runtime, wanted: FrameFilter, limit: int = 50) -> list[int]:
    with runtime.db.read() as conn:
        return [row.id for row in frames.newest(conn, wanted, limit)]


def test_newest_frames_come_first_up_to_the_limit(
    installation: Installation, runtime: Runtime
) -> None:
    ids = [installation.frame() for _ in range(4)]
    assert _newest(runtime, FrameFilter(), limit=3) == ids[:0:-1]
    assert _newest(runtime, FrameFilter(FrameState.FAILED), limit=3) == ids[:0:-1]


def test_since_compares_the_settled_time_or_the_found_time_of_unsettled_frames(
    installation: Installation, runtime: Runtime
) -> None:
    now = installation.now
    late = installation.frame(found_at=now - 500, settled_at=now - 10)
    installation.frame(found_at=now - 500, settled_at=now - 400)
    waits = installation.pending(found_at=now - 10)
    installation.pending(found_at=now - 500)
    assert _newest(runtime, FrameFilter(since=now - 60)) == [waits, late]
    assert _newest(runtime, FrameFilter(FrameState.FAILED, since=now - 60)) == [late]
    assert _newest(runtime, FrameFilter(FrameState.PENDING, since=now - 60)) == [waits]


def test_until_excludes_frames_from_its_moment_on(
    installation: Installation, runtime: Runtime
) -> None:
    now = installation.now
    late = installation.frame(found_at=now - 900, settled_at=now - 10)
    early = installation.frame(found_at=now - 900, settled_at=now - 400)
    installation.pending(found_at=now - 10)
    waits = installation.pending(found_at=now - 500)
    assert _newest(runtime, FrameFilter(until=now - 60)) == [waits, early]
    assert _newest(runtime, FrameFilter(FrameState.PENDING, until=now - 60)) == [waits]
    both = FrameFilter(FrameState.FAILED, since=now - 400, until=now - 10)
    assert _newest(runtime, both) == [early], "the second moment is not part of the span"
    assert late not in _newest(runtime, both)


def test_a_frame_comes_with_its_service_and_its_alert(
    installation: Installation, runtime: Runtime
) -> None:
    pk = installation.service("yolo-1")
    frame = installation.frame(state="done", service_pk=pk)
    alert = installation.alert(frame_id=frame)
    with runtime.db.read() as conn:
        (row,) = frames.newest(conn, FrameFilter(), 1)
    assert (row.service_id, row.alert_id) == ("yolo-1", alert)


def test_frame_is_found_by_its_key_and_by_the_path_of_its_picture(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame()
    row = installation.row(frame)
    again = installation.pending(key=row.key)
    with runtime.db.read() as conn:
        assert [match.id for match in frames.by_key(conn, row.key)] == [again, frame]
        assert [match.id for match in frames.by_key(conn, row.image_path)] == [frame]
        assert frames.by_key(conn, "x") == []


def test_reason_filter_matches_the_outcome_too(
    installation: Installation, runtime: Runtime
) -> None:
    sampled = installation.frame(state="dropped", outcome="sampled", reason=None)
    other = installation.frame(state="dropped", outcome="too_old", reason="sampled too late")
    installation.frame(state="dropped", outcome="too_old", reason=None)
    wanted = FrameFilter(FrameState.DROPPED, reason="SAMPLED")
    assert _newest(runtime, wanted) == [other, sampled]
    assert _newest(runtime, FrameFilter(reason="sampled")) == [other, sampled]


def test_reason_filter_matches_code_and_arguments_not_the_text(
    installation: Installation, runtime: Runtime
) -> None:
    refused = installation.frame(reason=Reason.of("call.refused", error="无法加载模型 100%"))
    timed_out = installation.frame(reason=Reason.of("call.timed_out", timeout_sec=30.0))
    of_before = installation.frame(reason="no answer within 30 s")
    for words, found in (
        ("Timed_Out", [timed_out]),
        ("模型 100%", [refused]),
        ("call.", [timed_out, refused]),
        ("no answer", [of_before]),
    ):
        assert _newest(runtime, FrameFilter(FrameState.FAILED, reason=words)) == found


def test_reason_filter_ignores_the_outcome_of_failed_frames(
    installation: Installation, runtime: Runtime
) -> None:
    installation.frame(outcome="failed", reason="no face")
    assert _newest(runtime, FrameFilter(FrameState.FAILED, reason="failed")) == []


def test_counts_hold_live_states_by_type(installation: Installation, runtime: Runtime) -> None:
    for state in ("pending", "pending", "parked", "leased", "failed", "done", "dropped"):
        installation.frame(state=state)
    installation.pending(task_type="人脸")
    with runtime.db.read() as conn:
        assert frames.counts(conn) == {
            TYPE: {"pending": 2, "parked": 1, "leased": 1, "failed": 1},
            "人脸": {"pending": 1, "parked": 0, "leased": 0, "failed": 0},
        }
