"""A full queue drops by the configured strategy, least important types first, all counted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from easyai.db import admission_rows, frames, recorded_frames, task_types
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.reason import quoted
from easyai.pipeline.admission import review
from easyai.pipeline.operator_statistics import inference_stats
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import step_clocks
from tests.support.site import TYPE, Installation

FALLS, CROWD = "跌倒", "人群"
STRATEGIES = ("drop_oldest", "drop_newest", "latest_only")


def _serve(site: Installation, strategy: str, limit: int, extra: str = "") -> None:
    site.configure(extra, queue_full_strategy=strategy, max_queue_size=limit)
    site.register(AlgorithmStub(task_types=(TYPE, FALLS, CROWD)))


def _waiting(site: Installation) -> list[int]:
    return [frame["id"] for frame in site.frames() if frame["state"] == "pending"]


def _record_in_order(site: Installation, count: int, task_type: str = TYPE, **more: str) -> None:
    """Record frames with increasing times."""
    before = len(site.frames())
    site.record(count, task_type, **more)
    site.execute("UPDATE frames SET due_at = due_at - 60 + id * 0.001 WHERE id > :b", b=before)


def _requeue(site: Installation, *ids: int, at: float | None = None) -> None:
    for frame_id in ids:
        site.execute("UPDATE frames SET state = 'failed', settled_at = 1 WHERE id = :i", i=frame_id)
    with site.runtime.db.write() as conn:
        frames.bring_back(conn, ids, time.time() if at is None else at)


def _priorities(**levels: int) -> str:
    names = {"falls": FALLS, "crowd": CROWD, "heads": TYPE}
    return "\n".join(
        f'[ai_analysis.types."{names[name]}"]\npriority = {level}' for name, level in levels.items()
    )


@pytest.mark.parametrize(
    ("strategy", "left"),
    [("wait", list(range(1, 11))), ("drop_oldest", [7, 8, 9, 10]), ("drop_newest", [1, 2, 3, 4])],
)
def test_queue_full_strategy_decides_which_frames_are_dropped(
    site: Installation, strategy: str, left: list[int]
) -> None:
    _serve(site, strategy, limit=4)
    _record_in_order(site, 10)
    site.scan()
    assert _waiting(site) == left
    site.scan()
    assert _waiting(site) == left


@pytest.mark.parametrize("strategy", ["drop_oldest", "drop_newest"])
def test_full_queue_drops_requeued_frames_before_live_frames(
    site: Installation, strategy: str
) -> None:
    _serve(site, strategy, limit=4)
    _record_in_order(site, 8)
    _requeue(site, 2, 3, 7)
    site.scan()
    live = {1, 4, 5, 6, 8}
    assert set(_waiting(site)) < live
    assert len(_waiting(site)) == 4


@pytest.mark.parametrize("first", [3, 6])
def test_full_queue_drops_the_oldest_requeued_frame_of_the_less_important_types(
    site: Installation, first: int
) -> None:
    _serve(site, "drop_oldest", 7, _priorities(falls=9))
    for count, task_type in ((2, FALLS), (3, CROWD), (3, TYPE)):
        _record_in_order(site, count, task_type)
    for ago_sec, frame_id in ((30.0, 1), (20.0, first), (10.0, 9 - first)):
        _requeue(site, frame_id, at=time.time() - ago_sec)
    site.scan()
    assert set(_waiting(site)) == set(range(1, 9)) - {first}


def test_leased_requeued_frames_do_not_count_toward_the_queue_limit(site: Installation) -> None:
    _serve(site, "drop_oldest", 4)
    _record_in_order(site, 9)
    _requeue(site, 1, 2, 3)
    site.execute("UPDATE frames SET state = 'leased', lease_expires_at = 4e9 WHERE id <= 3")
    site.scan()
    assert _waiting(site) == [6, 7, 8, 9]


def test_latest_only_keeps_the_newest_frame_of_each_camera(site: Installation) -> None:
    _serve(site, "latest_only", limit=5)
    for camera in ("a", "b", "c"):
        _record_in_order(site, 3, camera=camera)
    site.scan()
    assert _waiting(site) == [3, 6, 9]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_queue_at_its_limit_drops_nothing_and_0_means_the_default_limit(
    site: Installation, strategy: str
) -> None:
    _serve(site, strategy, limit=10)
    _record_in_order(site, 10)
    site.scan()
    assert len(_waiting(site)) == 10
    site.configure(queue_full_strategy=strategy, max_queue_size=0)
    _record_in_order(site, 20)
    site.scan()
    assert len(_waiting(site)) == 30


@pytest.mark.parametrize("strategy", ["drop_oldest", "drop_newest"])
def test_full_queue_drops_the_least_important_types_and_no_more_than_needed(
    site: Installation, strategy: str
) -> None:
    _serve(site, strategy, 10, _priorities(falls=9, crowd=1))
    for task_type in (FALLS, TYPE, CROWD):
        _record_in_order(site, 6, task_type)
    site.scan()
    rows = site.rows(
        "SELECT task_type, count(*) AS n FROM frames WHERE state = 'pending' GROUP BY task_type"
    )
    assert {row["task_type"]: row["n"] for row in rows} == {FALLS: 6, TYPE: 4}


@pytest.mark.parametrize(("strategy", "left"), [("drop_oldest", [5, 6]), ("drop_newest", [1, 2])])
def test_types_of_equal_priority_are_dropped_by_age(
    site: Installation, strategy: str, left: list[int]
) -> None:
    _serve(site, strategy, limit=2)
    for task_type in (TYPE, FALLS, TYPE, FALLS, TYPE, FALLS):
        _record_in_order(site, 1, task_type)
    site.scan()
    assert _waiting(site) == left


@pytest.mark.parametrize("state", [state for state in FrameState if state != "pending"])
def test_only_pending_frames_can_be_dropped(site: Installation, state: str) -> None:
    site.record(1)
    site.execute(f"UPDATE frames SET state = '{state}'")
    before = site.frames()
    with site.runtime.db.dispatching() as conn:
        dropped = admission_rows.drop(
            conn, [1], FrameState.PENDING, Outcome.QUEUE_FULL, quoted("full"), 1.0
        )
    assert (dropped, site.frames()) == ([], before)


def test_latest_only_drops_type_by_type_until_the_queue_fits(site: Installation) -> None:
    _serve(site, "latest_only", 14, _priorities(falls=9, crowd=1))
    for task_type in (FALLS, TYPE, CROWD):
        _record_in_order(site, 6, task_type)
    site.scan()
    rows = site.rows(
        "SELECT task_type, count(*) AS n FROM frames WHERE state = 'pending' GROUP BY task_type"
    )
    assert {row["task_type"]: row["n"] for row in rows} == {FALLS: 6, TYPE: 6, CROWD: 1}


def test_parked_frames_do_not_count_toward_the_queue_limit(
    site: Installation,
) -> None:
    site.configure(queue_full_strategy="drop_oldest", max_queue_size=5)
    site.record(20)
    site.scan()
    site.register(AlgorithmStub(task_types=(FALLS,)))
    site.record(5, FALLS)
    site.scan()
    assert (site.count("parked"), site.count("pending"), site.count("dropped")) == (20, 5, 0)
    site.register(AlgorithmStub(task_types=(TYPE,)))
    site.scan()
    assert (site.count("parked"), site.count("pending"), site.count("dropped")) == (20, 5, 0)


def test_dropped_frame_has_a_reason_is_counted_and_loses_its_picture(
    site: Installation,
) -> None:
    _serve(site, "drop_oldest", limit=2)
    keys = site.put_many(5)
    site.scan()
    assert site.pictures(TYPE) == keys[3:]
    gone = site.frame(keys[0])
    assert (gone["state"], gone["outcome"], gone["image_path"]) == ("dropped", "queue_full", "")
    assert gone["reason"] == "more than 2 frames waited (queue_full_strategy drop_oldest)"
    assert gone["image_target"] is None
    assert gone["settled_at"] > 0
    stats = inference_stats(site.runtime)
    assert stats["dropped_by_reason"] == {"queue_full": 3, "too_old": 0, "disk_low": 0}
    assert (stats["dropped_total"], stats["queue_size"]) == (3, 2)
    assert stats["strategy"] == "drop_oldest"


def test_dropping_a_requeued_frame_deletes_its_kept_picture(
    site: Installation,
) -> None:
    _serve(site, "drop_oldest", limit=1)
    kept = site.put(f"failed/{TYPE}/门口1/a.jpg")
    site.record(2)
    site.execute("UPDATE frames SET image_path = :p WHERE id = 1", p=f"failed/{TYPE}/门口1/a.jpg")
    site.scan()
    assert not kept.exists()


def test_each_episode_of_drops_writes_a_single_event(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(site, "drop_oldest", limit=1)
    offset = step_clocks(monkeypatch)
    for seconds in (0.0, 1.0, 20.0, 60.0, 200.0, 201.0):
        offset[0] = seconds
        site.record(2)
        site.scan()
    query = "SELECT subject, text FROM events WHERE kind = 'frames_dropped' ORDER BY id"
    rows = site.rows(query)
    assert [row["subject"] for row in rows] == [TYPE, TYPE]
    assert rows[0]["text"].startswith("queue_full: 1 frame at first: more than 1 frame waited")
    assert site.count("dropped") == 11


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ten_thousand_waiting_frames_are_reduced_to_the_limit_in_seconds(
    site: Installation, strategy: str
) -> None:
    _serve(site, strategy, limit=5000)
    with site.runtime.db.write() as conn:
        task_types.add(conn, [TYPE], 1.0)
        recorded_frames.add(
            conn,
            [
                recorded_frames.NewFrame(
                    f"{TYPE}/{n % 50}/{n}.jpg", TYPE, str(n % 50), "1", n, None
                )
                for n in range(10_000)
            ],
            time.time(),
        )
    began = time.monotonic()
    looks = 0
    while site.count("pending") > 5000 and looks < 10:
        review(site.runtime)  # a review ends early, so that a scan records new frames
        looks += 1
    if strategy == "latest_only":  # a frame of each camera, or more if the review ran out of time
        assert 50 <= site.count("pending") <= 5000
    else:
        assert site.count("pending") == 5000
    assert time.monotonic() - began < 16.0  # measured: under 1 s on an idle machine


def test_dropping_while_workers_lease_gives_every_frame_a_single_fate(site: Installation) -> None:
    _serve(site, "drop_oldest", limit=50)
    site.record(400)

    def work(number: int) -> int:
        if number % 4 == 0:
            review(site.runtime)
            return 0
        return len(site.lease(most=5).frames)

    with ThreadPoolExecutor(8) as pool:
        leased = sum(pool.map(work, range(32)))
    assert leased == site.count("leased") > 0
    assert leased + site.count("dropped") + site.count("pending") == 400
    assert site.count("pending") <= 50
    assert inference_stats(site.runtime)["dropped_total"] == site.count("dropped")
