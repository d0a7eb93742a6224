"""P4: each frame has a single result despite late answers, double answers and crashes."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from easyai.db import ledger
from easyai.domain import fate
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import calls, dispatcher, intake
from easyai.pipeline.answers import Answered
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.prepare import Prepared, prepare
from easyai.pipeline.transaction import run_transaction
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"


def _expire(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        assert sum(ledger.expire(conn, time.time() + 1000).values()) == 1


def test_late_answer_of_an_expired_lease_is_ignored(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    # The first call hangs, its lease expires, another worker infers the frame.
    algorithm.delay = lambda frame: 1.0 if algorithm.count == 1 else 0.0
    algorithm.answer = lambda frame: detections(algorithm.count)
    pk = site.register(algorithm)
    site.put(KEY)
    site.scan()
    slow, quick = site.loop(site.open()), site.loop(site.open())
    slow.pump(TYPE, 0.2)
    algorithm.wait_for(1)
    _expire(site)
    assert quick.pump(TYPE, 5.0).finished == 1
    wait_until(lambda: algorithm.running == 0, 5, "the first call has come back")
    report = slow.pump(TYPE, 0.5)
    assert (report.finished, report.returned) == (0, 0)
    (alert,) = site.alerts()
    assert alert["detection_count"] == 2
    assert site.service(pk)["call_count"] == 1
    assert site.pictures("") == [alert["image_path"]]


def test_two_answers_of_a_frame_leased_twice_by_a_process_settle_it_once(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    # The process was suspended, the sweep took the frame back, and the process leased it again.
    pk = site.register(algorithm)
    site.put(KEY)
    site.scan()
    first = site.lease()
    site.give_back(first)
    again = site.lease()
    answers = [
        Answered(
            lease.frames[0],
            lease.endpoints[pk],
            Verdict(CallResult.INFERRED, 1.0, detection_count=n),
        )
        for n, lease in enumerate((first, again), start=1)
    ]
    settled, _ = run_transaction(site.runtime, answers, CarriedOut(), None)
    assert (settled.finished, settled.late) == (1, 1)
    assert [alert["detection_count"] for alert in site.alerts()] == [2]


def test_late_answer_of_a_frame_leased_by_another_worker_is_ignored(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    site.put(KEY)
    site.scan()
    first = site.lease()
    site.give_back(first)
    again = site.lease()
    late = Answered(first.frames[0], first.endpoints[pk], Verdict(CallResult.INFERRED, 1.0))
    failed = Answered(first.frames[0], first.endpoints[pk], Verdict(CallResult.BROKEN, 1.0))
    for answer in (late, failed):
        settled, _ = run_transaction(site.runtime, [answer], CarriedOut(), None)
        assert (settled.finished, settled.returned, settled.late) == (0, 0, 1)
    (frame,) = site.frames()
    assert (frame["state"], frame["lease_token"]) == ("leased", again.frames[0].lease_token)


def test_late_answer_of_a_frame_that_is_pending_again_is_ignored(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.delay = 0.5
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    algorithm.wait_for(1)
    _expire(site)
    site.execute("UPDATE frames SET due_at = due_at + 1000")
    assert loop.pump(TYPE, 3.0).finished == 0
    (frame,) = site.frames()
    assert (frame["state"], site.alerts()) == ("pending", [])
    assert site.pictures("") == [KEY]


def test_lease_is_renewed_during_a_call_longer_than_the_lease(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(lease_sec=0.6)
    algorithm.delay = 1.5
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    ended = time.monotonic() + 1.2
    while time.monotonic() < ended:
        assert sweep(site.runtime).expired_leases == 0
    site.work(loop)
    assert algorithm.count == len(site.alerts()) == 1


@pytest.mark.parametrize("detected", [0, 1])
def test_sweep_moves_the_picture_of_a_frame_settled_by_a_killed_worker(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    detected: int,
) -> None:
    from easyai.pipeline import picture_moves

    algorithm.answer = lambda frame: detections(detected)
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    # As if killed right after the commit: the moves are never run, nor recorded.
    monkeypatch.setattr(dispatcher, "carry_out", lambda *_: picture_moves.CarriedOut())
    assert site.loop().pump(TYPE, 3.0).finished == 1
    assert site.pictures("") == [KEY]
    assert site.scan().new_frames == 0
    assert sweep(site.runtime).pictures == 0  # it may only be slow
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    assert sweep(site.runtime).pictures == 1
    assert site.pictures("") == [alert["image_path"] for alert in site.alerts()]
    assert site.scan().new_frames == 0
    (frame,) = site.frames()
    assert (frame["image_target"], len(site.alerts())) == (None, detected)


def test_sweep_records_a_picture_moved_by_a_killed_worker(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from easyai.pipeline import picture_moves

    site.register(algorithm)
    site.put(KEY)
    site.scan()

    def move_and_die(*arguments: object) -> picture_moves.CarriedOut:
        picture_moves.carry_out(*arguments)  # type: ignore[arg-type]
        return picture_moves.CarriedOut()

    monkeypatch.setattr(dispatcher, "carry_out", move_and_die)
    assert site.loop().pump(TYPE, 3.0).finished == 1
    site.put(KEY)  # the camera uses the name again before the sweep runs
    monkeypatch.undo()
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    sweep(site.runtime)
    assert site.scan().new_frames == 1
    site.work(site.loop())
    kept = [site.snapshots / alert["image_path"] for alert in site.alerts()]
    assert len({path for path in kept if path.exists()}) == 2


def test_frame_leased_by_a_killed_worker_is_inferred_by_another(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(lease_sec=0.3)
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    assert len(site.lease().frames) == 3  # and no call is made
    assert site.loop().pump(TYPE, 0.5).frames == 0
    wait_until(lambda: sweep(site.runtime).expired_leases == 3, 5, "the leases have expired")
    site.work(site.loop())
    assert algorithm.count == len(site.alerts()) == 3


def test_scanning_during_settling_records_no_frame_twice(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    def answer(frame: Frame) -> object:
        return detections(int(frame["image_path"][-5]) % 2)

    algorithm.answer = answer
    site.register(algorithm)
    keys = site.put_many(300)
    site.scan()
    ended = threading.Event()
    found: list[int] = []

    def keep_scanning() -> None:
        runtime = site.open()
        while not ended.is_set():
            found.append(intake.scan(runtime).new_frames)

    scanner = threading.Thread(target=keep_scanning)
    scanner.start()
    loop = site.loop()
    wait_until(lambda: bool(loop.pump(TYPE, 1.0)) and site.count("done") == 300, 20, "all is done")
    ended.set()
    scanner.join(10)
    assert sum(found) == 0
    assert sorted(algorithm.image_paths) == keys


def test_process_suspended_after_leasing_returns_its_frames_uncalled(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # As after SIGSTOP: when the process continues, other workers may have its places.
    monkeypatch.setattr(fate, "retry_delay_sec", lambda tries: 60.0)
    site.configure(lease_sec=0.5)
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    committed = threading.Event()

    def stands_still(*arguments: Any, **options: Any) -> Any:
        done = run_transaction(*arguments, **options)
        if done[1].frames and not committed.is_set():
            committed.set()
            time.sleep(0.5)
        return done

    monkeypatch.setattr(dispatcher, "run_transaction", stands_still)
    loop = site.loop()
    loop.pump(TYPE, 1.0)
    assert committed.is_set()
    # No sweep runs here: the frame does not return by expiring.
    wait_until(lambda: site.count("pending") == 1, 5, "the frame waits again")
    assert algorithm.count == 0
    assert "leases not renewed in time, not called: frames=1" in caplog.text
    assert site.rows("SELECT * FROM statistics WHERE requests > 0") == []
    site.execute("UPDATE frames SET due_at = 0")
    assert loop.pump(TYPE, 5.0).finished == 1
    assert algorithm.count == 1


def test_batch_with_a_lease_lost_during_preparation_is_not_called(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process keeps renewing, but its lease is gone.
    site.configure(lease_sec=0.5)
    site.register(algorithm)
    site.put(KEY)
    site.scan()

    taken = threading.Event()

    def slow(*arguments: Any) -> Prepared:
        taken.wait(5)
        time.sleep(0.7)
        return prepare(*arguments)

    monkeypatch.setattr(calls, "prepare", slow)
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    _expire(site)
    other = site.lease()
    taken.set()
    wait_until(lambda: not loop.busy, 5, "the batch is over")
    assert len(other.frames) == 1
    assert algorithm.count == 0
    assert site.frame(KEY)["lease_token"] == other.frames[0].lease_token
