"""The effect of requeue on frames in the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest

from easyai.db import frames, ledger, waiting
from easyai.db.frames import FrameFilter
from easyai.domain.frame import FrameState
from easyai.domain.reason import Reason
from easyai.errors import BadRequestError
from easyai.pipeline import requeue as module
from easyai.pipeline.requeue import preview, requeue
from easyai.runtime import Runtime
from tests.integration.requeue.conftest import NotingDoorbell
from tests.support.installation import CAMERA, TYPE, Installation

FAILED = FrameFilter(FrameState.FAILED)


def test_a_requeued_frame_starts_afresh_and_its_picture_stays_where_it_is(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame(
        tries=7,
        last_failure_at=installation.now,
        avoid_service=4,
        service_pk=4,
        leased_at=installation.now,
        detection_count=0,
        inference_ms=20.0,
        stream=CAMERA,
    )
    before = installation.row(frame)._asdict()
    started = time.time()
    assert requeue(runtime, FAILED).requeued == 1
    after = installation.row(frame)._asdict()
    assert started <= after.pop("due_at") <= time.time()
    assert started <= after.pop("requeued_at") <= time.time()
    fresh: dict[str, Any] = {"state": "pending", "attempts": 0, "tries": 0, "last_failure_at": 0}
    gone = (
        "avoid_service",
        "service_pk",
        "leased_at",
        "settled_at",
        "outcome",
        "reason",
        "reason_code",
        "reason_args",
        "detection_count",
        "inference_ms",
    )
    expected = before | fresh | dict.fromkeys(gone)
    del expected["due_at"], expected["requeued_at"]
    assert after == expected


def test_a_requeued_frame_can_be_leased_at_once_with_the_picture_under_failed(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame()
    requeue(runtime, FAILED)
    with runtime.db.write() as conn:
        (due,) = waiting.due(conn, {TYPE: 10}, time.time())[TYPE]
        leased = ledger.lease(conn, [(due, 1)], "token", time.time(), time.time() + 15)
    assert [leased_frame.id for leased_frame in leased] == [frame]
    assert leased[0].image_key == installation.row(frame).image_path


def test_a_camera_may_use_the_name_of_a_requeued_frame_again(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame()
    requeue(runtime, FAILED)
    again = installation.pending(key=installation.row(frame).key)
    assert installation.row(again).key == installation.row(frame).key


def test_a_frame_whose_picture_is_moving_is_left_alone_and_counted(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame(image_path=None, image_target="failed/x.jpg")
    before = installation.row(frame)
    report = requeue(runtime, FAILED)
    assert (report.requeued, report.moving, report.gone) == (0, 1, 0)
    assert installation.row(frame) == before


def test_a_frame_whose_picture_is_gone_is_left_alone_and_counted(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame(image_path="")
    before = installation.row(frame)
    report = requeue(runtime, FAILED)
    assert (report.requeued, report.moving, report.gone) == (0, 0, 1)
    assert installation.row(frame) == before


def test_a_failed_frame_whose_picture_never_left_its_key_is_requeued(
    installation: Installation, runtime: Runtime
) -> None:
    frame = installation.frame(image_path=None)
    assert requeue(runtime, FAILED).requeued == 1
    assert installation.row(frame).state == "pending"


def test_a_frame_that_changed_since_it_was_listed_is_not_requeued(
    installation: Installation, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ("state = 'pending'", "image_target = 'x'", "image_path = ''")
    by_id = {installation.frame(): change for change in changes}
    bring_back = frames.bring_back

    def too_late(conn: Any, ids: Any, now: float) -> list[frames.BroughtBack]:
        for frame, change in by_id.items():
            conn.exec_driver_sql(f"UPDATE frames SET {change} WHERE id = {frame}")
        return bring_back(conn, ids, now)

    monkeypatch.setattr(frames, "bring_back", too_late)
    assert requeue(runtime, FAILED).requeued == 0


def test_requeue_leaves_frames_of_other_states_unchanged(
    installation: Installation, runtime: Runtime
) -> None:
    others = [installation.frame(state=state) for state in FrameState if state != "failed"]
    before = [installation.row(frame) for frame in others]
    assert requeue(runtime, FAILED).matched == 0
    assert [installation.row(frame) for frame in others] == before


def test_requeue_of_another_state_is_refused_with_the_reason(runtime: Runtime) -> None:
    for state in (None, *(other for other in FrameState if other != "failed")):
        with pytest.raises(BadRequestError) as refused:
            requeue(runtime, FrameFilter(state))
        assert str(refused.value).startswith("state: only failed frames can be requeued: ")
        assert refused.value.http_status == 400


def test_filters_choose_the_frames(installation: Installation, runtime: Runtime) -> None:
    now = installation.now
    wanted = installation.frame(reason="HTTP 500 100%_bad", settled_at=now - 60)
    others = [
        installation.frame(task_type="人脸", reason="HTTP 500 100%_bad"),
        installation.frame(task_id="门口3", reason="HTTP 500 100%_bad"),
        installation.frame(settled_at=now - 7200, reason="HTTP 500 100%_bad"),
        installation.frame(reason="HTTP 500 100 bad"),
        installation.frame(reason=None),
    ]
    chosen = FrameFilter(FrameState.FAILED, TYPE, CAMERA, now - 3600, "http 500 100%_BAD")
    assert requeue(runtime, chosen).by_task_type == {TYPE: 1}
    assert installation.row(wanted).state == "pending"
    assert {installation.row(frame).state for frame in others} == {"failed"}


def test_ids_choose_the_frames(installation: Installation, runtime: Runtime) -> None:
    first, second, third = (installation.frame() for _ in range(3))
    wanted = FrameFilter(FrameState.FAILED, ids=(first, third, 10**12))
    assert requeue(runtime, wanted).requeued == 2
    assert [installation.row(frame).state for frame in (first, second, third)] == [
        "pending",
        "failed",
        "pending",
    ]


def test_a_dry_run_counts_and_changes_nothing(
    installation: Installation, runtime: Runtime, doorbell: NotingDoorbell
) -> None:
    rows = [installation.row(installation.frame()), installation.row(installation.frame())]
    report = preview(runtime, FAILED)
    assert report.by_task_type == {TYPE: 2}
    assert [installation.row(row.id) for row in rows] == rows
    assert doorbell.rung == []


@pytest.mark.parametrize("most", [None, 100])
def test_preview_counts_exactly_what_a_requeue_takes_and_leaves(
    installation: Installation, runtime: Runtime, most: int | None
) -> None:
    for task_type in (TYPE, "人脸"):
        for task_id in ("c1", "c2"):
            for image_path, image_target in (("x", None), ("x", "y"), (None, "y"), ("", None)):
                key = f"{task_type}/{task_id}/{image_path}{image_target}"
                picture = image_path and f"{key}/{image_path}"
                installation.frame(
                    key=key,
                    task_type=task_type,
                    task_id=task_id,
                    image_path=picture,
                    image_target=image_target and f"{key}/{image_target}",
                    reason=Reason.of("call.refused", endpoint=task_id),
                )
    for wanted in (
        FrameFilter(FrameState.FAILED, task_id="c1"),
        FrameFilter(FrameState.FAILED, TYPE, reason="C2"),
        FrameFilter(FrameState.FAILED, ids=(1, 2, 3)),
        FAILED,
    ):
        found = preview(runtime, wanted, most)
        done = requeue(runtime, wanted)
        assert done.matched > 0
        assert (found.by_task_type, found.moving, found.gone, found.more) == (
            done.by_task_type, done.moving, done.gone, [],
        )  # fmt: skip


def test_bounded_preview_names_the_types_that_have_more(
    installation: Installation, runtime: Runtime
) -> None:
    ids = [installation.frame() for _ in range(5)]
    for task_type in ("人脸", "车辆"):
        installation.frame(task_type=task_type)
    found = preview(runtime, FAILED, 9)
    assert (found.by_task_type, found.more) == ({TYPE: 3, "人脸": 1, "车辆": 1}, [TYPE])
    by_id = preview(runtime, FrameFilter(FrameState.FAILED, ids=tuple(ids)), 3)
    assert (by_id.by_task_type, by_id.more) == ({TYPE: 5}, [])
    rare = preview(runtime, FrameFilter(FrameState.FAILED, task_id="none"), 9)
    assert (rare.requeued, rare.more) == (0, [TYPE])


def test_each_type_is_woken_once_and_after_the_commit(
    installation: Installation, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [installation.frame(), installation.frame(), installation.frame(task_type="人脸")]
    rung: list[tuple[str, set[str]]] = []

    def ring_all(types: Iterable[str]) -> None:
        rung.extend((name, {installation.row(frame).state for frame in found}) for name in types)

    monkeypatch.setattr(runtime.doorbell, "ring_all", ring_all)
    requeue(runtime, FAILED)
    assert sorted(rung) == [("人数统计", {"pending"}), ("人脸", {"pending"})]


def test_no_type_is_woken_when_no_frame_was_requeued(
    runtime: Runtime, doorbell: NotingDoorbell
) -> None:
    assert requeue(runtime, FAILED).matched == 0
    assert doorbell.rung == []


def test_more_frames_than_a_transaction_takes_are_all_requeued(
    installation: Installation, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    for _ in range(5):
        installation.frame()
    assert requeue(runtime, FAILED).by_task_type == {TYPE: 5}
    assert requeue(runtime, FAILED).matched == 0
