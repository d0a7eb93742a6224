"""A fault of a link, a picture, a name or the ledger affects nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time

import pytest

from easyai.db import engines
from easyai.domain import breaker
from easyai.errors import StoreUnavailableError
from easyai.pipeline import picture_moves
from easyai.pipeline.picture_moves import PictureMove
from easyai.store import complete_picture, local_watch
from easyai.store.frame_store import Carried
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.ports import free_port
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

KEY = f"{TYPE}/门口1/1.jpg"
REFUSAL = (200, {"success": False, "error": "cannot load the picture"})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 0.3)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_SEC", 0.3)


def _due(site: Installation) -> None:
    site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")


def _pump_tries(site: Installation, tries: int) -> None:
    """Pump until the installation's only frame was tried `tries` times."""
    loop = site.loop(site.open())

    def tried() -> bool:
        _due(site)
        loop.pump(TYPE, 0.2)
        frame = site.frames()[0]
        return bool(frame["tries"] >= tries and frame["state"] != "leased")

    wait_until(tried, 15, f"{tries} tries")
    loop.drain(5.0)


def _with_broken_links(site: Installation, algorithm: AlgorithmStub, max_attempts: int) -> str:
    """Let a frame be refused five times while no picture link works; returns the working URL."""
    working, site.public_url = site.public_url, f"http://127.0.0.1:{free_port()}"
    site.configure(max_attempts=max_attempts)
    algorithm.answer = lambda frame: REFUSAL
    site.register(algorithm)
    site.put(KEY)
    site.scan()
    _pump_tries(site, 5)
    return working


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_refusal_does_not_fail_a_frame_with_a_broken_picture_link(
    site: Installation, algorithm: AlgorithmStub, max_attempts: int
) -> None:
    _with_broken_links(site, algorithm, max_attempts)
    frame = site.frame(KEY)
    assert (frame["state"], frame["attempts"]) == ("pending", max_attempts - 1)
    assert "cannot load the picture; its picture link does not work here" in frame["reason"]
    assert "Connection refused" in frame["reason"]
    assert "127.0.0.1" not in frame["reason"]
    assert site.pictures("") == [KEY]


@pytest.mark.parametrize(("answer", "outcome"), [(REFUSAL, "failed"), (detections(1), "alert")])
def test_frame_ends_by_the_answer_once_picture_links_work_again(
    site: Installation, algorithm: AlgorithmStub, answer: Answer, outcome: str
) -> None:
    site.public_url = _with_broken_links(site, algorithm, 2)
    site.configure(max_attempts=2)
    algorithm.answer = lambda frame: answer
    _due(site)
    site.work(site.loop(site.open()))
    assert site.frame(KEY)["outcome"] == outcome


def test_time_out_counts_against_no_frame_and_halves_the_concurrency(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(infer_timeout_sec=1.0, max_attempts=1)
    algorithm.delay = 60.0
    pk = site.register(algorithm)
    site.put_many(8)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.2)
    algorithm.wait_for(8)
    wait_until(lambda: site.count("pending") == 8, 10, "every call has timed out")
    assert {frame["attempts"] for frame in site.frames()} == {0}
    assert "no answer within 1 s" in site.frames()[0]["reason"]
    assert site.service(pk)["concurrency_cap"] == 4
    site.execute("UPDATE services SET breaker_open_until = 0")
    _due(site)
    leased = site.lease()
    assert len(leased.frames) == 4
    site.give_back(leased)
    algorithm.delay = 0.0
    site.work(loop)
    assert {frame["outcome"] for frame in site.frames()} == {"alert"}


@pytest.mark.parametrize("taken_by", ["file", "alert"])
def test_picture_with_two_taken_target_names_is_moved_and_delays_no_others(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch, taken_by: str
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    second, renamed, calls = f"alerts/{TYPE}/门口1/second.jpg", PictureMove.renamed, []

    def unlucky(move: PictureMove) -> PictureMove:
        calls.append(move.frame_id)
        if len(calls) <= 2:
            return PictureMove(move.frame_id, move.source, second, move.version)
        return renamed(move)

    monkeypatch.setattr(PictureMove, "renamed", unlucky)
    keys = site.put_many(6)
    foreign = [site.put(f"alerts/{keys[0]}", b"not ours")]
    if taken_by == "file":
        foreign.append(site.put(second, b"not ours"))
    else:
        site.execute(
            "INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name,"
            " result, confidence, detection_count, inference_time_ms, created_at, updated_at)"
            " VALUES ('c', 't', :path, 'a', 'a', '{}', 0, 1, 0, 1, 1)",
            path=second,
        )
    site.register(algorithm)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 5.0)

    def carried() -> bool:
        sweep(site.runtime)
        return all(frame["image_target"] is None for frame in site.frames())

    wait_until(carried, 10, "every picture has found a place")
    assert len(calls) >= 3
    assert {path.read_bytes() for path in foreign} == {b"not ours"}
    kept = [frame["image_path"] for frame in site.frames()]
    assert all((site.snapshots / path).read_bytes()[:2] == b"\xff\xd8" for path in kept)
    assert sorted(a["image_path"] for a in site.alerts() if a["frame_id"]) == sorted(kept)
    assert kept[1:] == [f"alerts/{key}" for key in keys[1:]]
    assert algorithm.count == 6


@pytest.mark.parametrize("remote", [False, True])
def test_failing_picture_moves_delay_no_other_moves(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    remote: bool,
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", 0.0)
    store = site.runtime.store
    keys = site.put_many(30)
    stuck, move = set(keys), store.move

    def sometimes(source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        if source in stuck:
            raise StoreUnavailableError("no right to move it")
        return move(source, target, version, frame_id)

    monkeypatch.setattr(store, "move", sometimes)
    site.register(algorithm)
    site.scan()
    assert site.loop().pump(TYPE, 5.0).finished == 30
    stuck -= set(keys[20:])
    monkeypatch.setattr(store, "remote", remote)
    # A group that fails as a whole ends the round; the next round starts after that group.
    assert [picture_moves.carry_left_behind(site.runtime) for _ in range(2)] == [0, 10]
    assert len(site.pictures("alerts")) == 10
    stuck.clear()
    assert picture_moves.carry_left_behind(site.runtime) == 20


def test_unreadable_picture_does_not_stop_the_scan_of_others(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = complete_picture.ends_as_it_should

    def bad_sector(path: str, version: str) -> bool:
        if path.endswith("00000.jpg") and bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path, version)

    bad = [True]
    monkeypatch.setattr(local_watch, "ends_as_it_should", bad_sector)
    keys = [f"{TYPE}/门口1/0000{number}.jpg" for number in range(3)]
    for key in keys:
        site.put(key, modified_at=time.time() + 3600)
        os.utime(site.snapshots / key)
    site.configure(frame_stable_sec=3600.0)
    report = site.scan()
    assert (report.new_frames, report.half_written) == (2, 1)
    site.scan()
    assert caplog.text.count("cannot be read: Input/output error") == 1
    bad.clear()
    assert site.scan().new_frames == 1


def test_too_long_key_is_skipped_and_logged_once(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    folder = f"{TYPE}/门口1/" + "/".join("长" * 60 for _ in range(6))
    site.put(f"{folder}/1.jpg")
    site.put(KEY)
    for _ in range(3):
        site.scan()
    assert [frame["key"] for frame in site.frames()] == [KEY]
    assert caplog.text.count("longer than 1024 bytes") == 1


def test_unmounted_frame_folder_marks_no_frame_missing(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    aside = site.folder / "aside"

    def unmount(frame: Frame) -> Answer:
        shutil.move(site.snapshots, aside)
        site.snapshots.mkdir()
        return REFUSAL

    site.configure(max_attempts=1)
    algorithm.answer = unmount
    pk = site.register(algorithm)
    site.put(KEY)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.3)
    frame = wait_until(lambda: site.frame(KEY)["reason"] and site.frame(KEY), 10, "it was tried")
    assert (frame["state"], frame["outcome"], frame["attempts"]) == ("pending", None, 0)
    assert "empty; is its disk mounted?" in frame["reason"]
    with pytest.raises(StoreUnavailableError, match="is its disk mounted"):
        site.runtime.store.gone(KEY)
    assert site.service(pk)["breaker_failures"] == 0
    site.snapshots.rmdir()
    shutil.move(aside, site.snapshots)
    assert site.runtime.store.gone(f"{TYPE}/门口1/2.jpg")
    algorithm.answer = lambda frame: detections(1)
    site.work(loop)
    assert site.frame(KEY)["outcome"] == "alert"


def test_calls_with_unrenewable_leases_are_cancelled_without_duplicate_alerts(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.2)
    site.configure(lease_sec=2.0)
    algorithm.delay = 60.0
    site.register(algorithm)
    site.put_many(6)
    site.scan()
    loop = site.loop(site.open())
    loop.pump(TYPE, 0.2)
    algorithm.wait_for(6)
    other = sqlite3.connect(site.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wait_until(lambda: "calls given up: frames=6" in caplog.text, 10, "the calls are given up")
    other.close()
    algorithm.delay = 0.0

    def all_done() -> bool:
        sweep(site.runtime)
        loop.pump(TYPE, 0.3)
        return site.count("done") == 6

    wait_until(all_done, 15, "every frame is inferred")
    assert algorithm.count == 12
    assert sorted(alert["frame_id"] for alert in site.alerts()) == [f["id"] for f in site.frames()]
