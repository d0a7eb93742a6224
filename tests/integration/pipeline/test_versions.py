"""A frame is one version of a picture: the recorded version is inferred and kept for its alert."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from easyai.pipeline.intake import Scanner
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/latest.jpg"


def jpeg(text: str) -> bytes:
    """A complete picture."""
    return b"\xff\xd8" + text.encode().ljust(2000, b".") + b"\xff\xd9"


def linked(site: Installation, frame: Frame) -> bytes | None:
    """The current content behind the link of a frame."""
    path = site.linked(frame)
    return path.read_bytes() if path.exists() else None


def seen(content: bytes | None) -> Any:
    """An answer with the hash of its picture."""
    digest = hashlib.sha256(content or b"").hexdigest()
    return 200, {"success": True, "result": {"total_count": 1, "sha256": digest}}


@pytest.fixture
def looking(site: Installation, algorithm: AlgorithmStub) -> AlgorithmStub:
    """An algorithm that reads its picture at the end of its call."""
    algorithm.answer = lambda frame: seen(linked(site, frame))
    site.register(algorithm)
    return algorithm


def alerts_are_of_their_pictures(site: Installation) -> list[bytes]:
    """The pictures of all alerts; asserts that each is what its algorithm read, none twice."""
    pictures = []
    for alert in site.alerts():
        picture = (site.snapshots / alert["image_path"]).read_bytes()
        assert hashlib.sha256(picture).hexdigest() in alert["result"]
        pictures.append(picture)
    assert len(set(pictures)) == len(pictures), "one version, one alert"
    return pictures


def work(site: Installation, frames: int) -> None:
    """Scan and pump until `frames` frames are recorded, settled and their pictures moved."""
    loop = site.loop()

    def over() -> bool:
        site.scan()
        loop.pump(TYPE, 0.3)
        found = site.frames()
        return len(found) == frames and all(
            frame["outcome"] is not None and frame["image_target"] is None for frame in found
        )

    wait_until(over, 20, f"{frames} frames are settled and their pictures carried")


def by_rename(site: Installation, content: bytes) -> None:
    """Write by rename, as an extractor does."""
    site.put(KEY, content)


def in_place(site: Installation, content: bytes) -> None:
    """Write over the file, in two pieces."""
    path = site.snapshots / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content[:1000])
        file.flush()
        time.sleep(0.002)
        file.write(content[1000:])


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("write", [by_rename, in_place])
def test_each_version_of_a_rewritten_picture_gets_a_single_outcome(
    site: Installation,
    looking: AlgorithmStub,
    write: Callable[[Installation, bytes], None],
) -> None:
    looking.delay = 0.05
    stop, written = threading.Event(), [0]

    def camera() -> None:
        while not stop.is_set():
            written[0] += 1
            write(site, jpeg(f"{written[0]:06}"))
            stop.wait(0.1)

    thread = threading.Thread(target=camera)
    thread.start()
    loop, ends_at = site.loop(), time.monotonic() + 6.0
    try:
        while time.monotonic() < ends_at:
            site.scan()
            loop.pump(TYPE, 0.15)
    finally:
        stop.set()
        thread.join()
    last = jpeg("the last one")
    write(site, last)
    wait_until(lambda: _over(site, loop, last), 20, "the last version is inferred")
    pictures = alerts_are_of_their_pictures(site)
    assert len(pictures) > 3
    outcomes = Counter(frame["outcome"] for frame in site.frames())
    assert outcomes["alert"] == len(pictures)
    assert set(outcomes) <= {"alert", "superseded"}
    assert outcomes["superseded"] == _superseded(site)
    assert site.pictures("") == sorted(alert["image_path"] for alert in site.alerts())


def test_version_replaced_before_its_call_is_superseded_and_counted(
    site: Installation, looking: AlgorithmStub
) -> None:
    by_rename(site, jpeg("1"))
    site.scan()
    by_rename(site, jpeg("2"))
    work(site, 2)
    first, second = site.frames()
    assert (first["state"], first["outcome"], first["image_path"]) == ("done", "superseded", "")
    assert first["reason"] == "a newer picture had taken its key"
    assert second["outcome"] == "alert"
    assert looking.count == 1, "nothing was sent for the first"
    assert alerts_are_of_their_pictures(site) == [jpeg("2")]
    assert _superseded(site) == 1
    assert site.service(1)["call_count"] == 1


def test_picture_is_not_replaced_during_its_inference(
    site: Installation, looking: AlgorithmStub
) -> None:
    def replace(frame: Frame) -> Any:
        by_rename(site, jpeg("2"))
        looking.answer = lambda again: seen(linked(site, again))
        return seen(linked(site, frame))

    looking.answer = replace
    by_rename(site, jpeg("1"))
    work(site, 2)
    assert looking.image_paths == [KEY, KEY], "image_path stays the key"
    assert sorted(alerts_are_of_their_pictures(site)) == [jpeg("1"), jpeg("2")]


@pytest.mark.parametrize("found", [0, 1])
def test_write_into_an_open_picture_during_inference_supersedes_it(
    site: Installation, looking: AlgorithmStub, found: int
) -> None:
    by_rename(site, jpeg("1"))

    def write_into_it(frame: Frame) -> Any:
        with os.fdopen(descriptor, "r+b") as file:
            file.write(jpeg("two"))
        looking.answer = lambda again: seen(linked(site, again))
        return detections(found)

    descriptor = os.open(site.snapshots / KEY, os.O_RDWR)
    looking.answer = write_into_it
    work(site, 2)
    assert [frame["outcome"] for frame in site.frames()] == ["superseded", "alert"]
    assert alerts_are_of_their_pictures(site) == [jpeg("two")]


def test_retry_uses_the_held_picture(site: Installation, looking: AlgorithmStub) -> None:
    answers: list[Any] = [(500, {}), (500, {})]
    looking.answer = lambda frame: answers.pop() if answers else seen(linked(site, frame))
    by_rename(site, jpeg("1"))
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    looking.wait_for(1)
    wait_until(lambda: site.count("pending") == 1, 5, "it waits again")
    by_rename(site, jpeg("2"))
    work(site, 2)
    assert looking.count == 4
    assert len(site.frames()) == 2
    assert sorted(alerts_are_of_their_pictures(site)) == [jpeg("1"), jpeg("2")]


def test_held_picture_of_a_killed_worker_is_inferred_by_the_next(
    site: Installation, looking: AlgorithmStub
) -> None:
    by_rename(site, jpeg("1"))
    site.scan()
    (frame,) = site.lease().frames
    site.runtime.store.hold(frame.key, frame.id, frame.version)  # and the worker is killed
    by_rename(site, jpeg("2"))
    assert Scanner(site.open()).scan().new_frames == 0
    site.execute("UPDATE frames SET lease_expires_at = 1")
    sweep(site.runtime)
    work(site, 2)
    assert sorted(alerts_are_of_their_pictures(site)) == [jpeg("1"), jpeg("2")]
    assert looking.count == 2


def test_held_picture_of_a_frame_lost_from_the_ledger_is_a_frame_again(
    site: Installation, looking: AlgorithmStub
) -> None:
    for number in range(3):
        site.put(f"{TYPE}/门口1/{number}.jpg", jpeg(str(number)))
    site.scan()
    for frame in site.lease().frames:
        site.runtime.store.hold(frame.key, frame.id, frame.version)
    site.put(f"{TYPE}/门口1/2.jpg", jpeg("newer"))
    site.execute("DELETE FROM frames")  # as if an older backup was restored
    runtime = site.open()
    assert Scanner(runtime).scan().new_frames == 3
    site.work(site.loop())
    again = Scanner(site.open())
    found = sum(again.scan().new_frames for _ in range(5))  # a scan on a busy machine ends early
    assert found == 1, "its name is free by now"
    site.work(site.loop())
    assert len(alerts_are_of_their_pictures(site)) == 4


def test_held_picture_is_recorded_again_after_failover_to_a_standby_without_its_row(
    site: Installation, looking: AlgorithmStub
) -> None:
    """The process continues, so there is no first scan that lists held pictures."""
    for number in range(3):
        site.put(f"{TYPE}/门口1/{number}.jpg", jpeg(str(number)))
    scanner = Scanner(site.open())
    while scanner.scan().new_frames:
        pass
    for frame in site.lease().frames:
        site.runtime.store.hold(frame.key, frame.id, frame.version)
    site.execute("DELETE FROM frames WHERE id > (SELECT min(id) FROM frames)")
    assert sum(scanner.scan().new_frames for _ in range(5)) == 2
    site.execute("UPDATE frames SET lease_expires_at = 1 WHERE state = 'leased'")
    sweep(site.runtime)
    work(site, 3)
    assert len(alerts_are_of_their_pictures(site)) == 3


def test_held_picture_of_a_waiting_frame_is_left_alone_by_the_first_scan(
    site: Installation, looking: AlgorithmStub
) -> None:
    by_rename(site, jpeg("1"))
    site.scan()
    (frame,) = site.lease().frames
    held = site.runtime.store.hold(frame.key, frame.id, frame.version)
    Scanner(site.open()).scan()
    assert list(site.runtime.store.held()) == [held.key]


def test_held_picture_restored_by_a_power_loss_is_not_inferred_again(
    site: Installation, looking: AlgorithmStub
) -> None:
    by_rename(site, jpeg("1"))
    site.scan()
    (frame,) = site.lease().frames
    held = site.runtime.store.hold(frame.key, frame.id, frame.version)
    site.execute("UPDATE frames SET lease_expires_at = 1")
    sweep(site.runtime)
    site.work(site.loop())
    (alert,) = site.alerts()
    (site.snapshots / alert["image_path"]).rename(site.snapshots / held.key)
    assert Scanner(site.open()).scan().new_frames == 0
    site.execute("UPDATE frames SET settled_at = 1")
    sweep(site.runtime)
    assert alerts_are_of_their_pictures(site) == [jpeg("1")]
    assert looking.count == 1


@pytest.mark.parametrize("answer", [detections(0), (200, {"success": False, "error": "no"})])
def test_held_picture_without_an_alert_is_deleted_or_moved_to_failed(
    site: Installation, looking: AlgorithmStub, answer: Any
) -> None:
    site.configure(max_attempts=1)
    looking.answer = lambda frame: answer
    by_rename(site, jpeg("1"))
    site.work(site.loop())
    refused = answer != detections(0)
    assert site.pictures("") == ([f"failed/{KEY}"] if refused else [])


def test_dropping_a_frame_deletes_its_held_picture(
    site: Installation, looking: AlgorithmStub
) -> None:
    by_rename(site, jpeg("1"))
    site.scan()
    (frame,) = site.lease().frames
    site.runtime.store.hold(frame.key, frame.id, frame.version)
    by_rename(site, jpeg("2"))
    site.execute("UPDATE frames SET state = 'pending', lease_token = NULL, lease_expires_at = NULL")
    site.execute("UPDATE frames SET found_at = found_at - 87000, due_at = due_at - 87000")
    Scanner(site.open()).scan()
    wait_until(lambda: site.frames()[0]["image_path"] == "", 5, "it is given up")
    assert site.pictures("") == [KEY]
    assert (site.snapshots / KEY).read_bytes() == jpeg("2")


def _over(site: Installation, loop: Any, last: bytes) -> bool:
    site.scan()
    loop.pump(TYPE, 0.3)
    digest = hashlib.sha256(last).hexdigest()
    open_ = [f for f in site.frames() if f["outcome"] is None or f["image_target"] is not None]
    return not open_ and any(digest in alert["result"] for alert in site.alerts())


def _superseded(site: Installation) -> int:
    (row,) = site.rows("SELECT coalesce(sum(superseded), 0) AS n FROM statistics WHERE bucket = 0")
    return int(row["n"])
