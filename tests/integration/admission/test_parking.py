"""Frames of a type without a live service are parked, and follow live frames when it returns."""

from __future__ import annotations

import time

import pytest

from easyai.db import ledger
from easyai.registry import registration
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

FACES = "人脸"


def _events(site: Installation, kind: str) -> list[tuple[str, str]]:
    rows = site.rows("SELECT subject, text FROM events WHERE kind = :kind ORDER BY id", kind=kind)
    return [(row["subject"], row["text"]) for row in rows]


def _states(site: Installation) -> dict[str, int]:
    rows = site.rows("SELECT state, count(*) AS n FROM frames GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


@pytest.mark.parametrize("why", ["none", "offline", "unregistered", "breaker"])
def test_frames_without_a_service_are_parked_and_their_workers_still_woken(
    site: Installation, why: str
) -> None:
    site.record(5)
    site.record(3, FACES)
    site.register(AlgorithmStub("faces", task_types=(FACES,)))
    if why != "none":
        pk = site.register(AlgorithmStub("heads"))
        change = "breaker_open_until = 9e9" if why == "breaker" else f"state = '{why}'"
        site.execute(f"UPDATE services SET {change} WHERE pk = :pk", pk=pk)
    report = site.scan()
    assert _states(site) == {"parked": 5, "pending": 3}
    assert sorted(report.waiting) == sorted([TYPE, FACES])


def test_frames_of_a_suspect_service_are_not_parked(site: Installation) -> None:
    pk = site.register(AlgorithmStub())
    site.execute("UPDATE services SET state = 'suspect' WHERE pk = :pk", pk=pk)
    site.record(2)
    site.scan()
    assert _states(site) == {"pending": 2}


def test_parking_writes_a_single_event_per_outage(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        site.record(2)
        site.scan()
    assert _events(site, "frames_parked") == [
        (TYPE, "2 frames parked: no service of this type takes work")
    ]
    assert caplog.text.count("frames parked") == 1
    site.register(AlgorithmStub())
    site.lease(most=100)
    site.scan()
    site.execute("UPDATE services SET state = 'offline'")
    site.record(1)
    site.scan()
    assert len(_events(site, "frames_parked")) == 2


def test_live_frames_are_leased_before_parked_frames(
    site: Installation,
) -> None:
    site.record(4)
    site.execute("UPDATE frames SET due_at = due_at - 100 + id")
    site.scan()
    site.register(AlgorithmStub())
    site.record(3)
    site.scan()
    assert _states(site) == {"parked": 4, "pending": 3}
    assert [frame.id for frame in site.lease(most=2).frames] == [5, 6]
    assert [frame.id for frame in site.lease(most=3).frames] == [1, 2, 7]
    assert [frame.id for frame in site.lease(most=3).frames] == [3, 4]
    assert _states(site) == {"leased": 7}


def test_parked_frame_is_leased_before_it_is_due_when_its_service_returns(
    site: Installation,
) -> None:
    site.record(1)
    site.execute("UPDATE frames SET due_at = :later", later=time.time() + 5)
    site.scan()
    site.register(AlgorithmStub())
    assert len(site.lease().frames) == 1


def test_half_open_breaker_takes_a_single_parked_frame_as_its_trial(
    site: Installation,
) -> None:
    pk = site.register(AlgorithmStub())
    now = time.time()
    site.execute("UPDATE services SET breaker_open_until = :t WHERE pk = :pk", t=now - 1, pk=pk)
    site.record(5)
    site.scan()
    leased = site.lease()
    assert (len(leased.frames), _states(site)) == (1, {"parked": 4, "leased": 1})
    site.give_back(leased)
    assert _states(site) == {"parked": 4, "pending": 1}


def test_all_parked_frames_are_inferred_when_the_service_returns(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.put_many(30)
    site.scan()
    assert _states(site) == {"parked": 30}
    site.register(algorithm)
    site.work(site.loop())
    assert algorithm.count == len(site.alerts()) == 30


def test_frames_of_a_type_with_affinity_are_never_parked(site: Installation) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\naffinity = "task_id"')
    site.record(3, stream="门口1")
    site.scan()
    assert _states(site) == {"pending": 3}


def test_parked_frames_become_pending_when_their_type_gets_affinity(
    site: Installation,
) -> None:
    site.record(3)
    site.scan()
    site.configure(f'[ai_analysis.types."{TYPE}"]\naffinity = "task_id"')
    site.scan()
    assert {(frame["state"], frame["stream"]) for frame in site.frames()} == {("pending", "门口1")}


def test_type_with_only_parked_frames_gets_its_share_of_places(site: Installation) -> None:
    site.configure(max_concurrent_infer=10)
    site.record(50, FACES)
    site.scan()
    site.register(AlgorithmStub(task_types=(TYPE, FACES)))
    site.record(50)
    assert len(site.lease().frames) == 5
    assert len(site.lease(FACES).frames) == 5


def test_sweep_makes_parked_frames_from_the_future_due_now(site: Installation) -> None:
    site.record(2)
    site.scan()
    site.execute("UPDATE frames SET due_at = :t", t=time.time() + 3600)
    sweep(site.runtime)
    assert all(frame["due_at"] <= time.time() for frame in site.frames())


def test_more_frames_than_fit_a_transaction_are_all_parked(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyai.pipeline.admission.AT_ONCE", 4)
    site.record(10)
    site.scan()
    assert _states(site) == {"parked": 10}


def test_registered_service_gets_parked_frames_without_another_scan(
    site: Installation,
) -> None:
    site.record(2)
    site.scan()
    with AlgorithmStub() as stub:
        body = {"service_id": "s", "task_types": [TYPE], "endpoint": stub.endpoint}
        registration.register(site.runtime, body)
        loop = site.loop()
        loop.pump(TYPE, 1.0)
        assert stub.count == 2


def test_leased_frame_is_not_parked_when_its_service_goes_offline(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub())
    site.record(3)
    leased = [frame.id for frame in site.lease(most=1).frames]
    site.execute("UPDATE services SET state = 'offline'")
    site.scan()
    assert _states(site) == {"parked": 2, "leased": 1}
    with site.runtime.db.write() as conn:
        token = site.frames()[0]["lease_token"]
        assert ledger.still_held(conn, {token: leased}) == {(leased[0], token)}
