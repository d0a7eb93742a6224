"""Named pictures are taken in at once, by the rules of the scan, and no frame twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from easyai.domain.reason import Reason
from easyai.pipeline.intake import Scanner
from easyai.pipeline.notified import Fate, NotifiedPictures
from easyai.store import local_watch
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import JPEG, TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"
TRIPWIRE = "绊线人数统计"


def _fate(site: Installation, key: str) -> tuple[Fate, str]:
    fate, reason = site.runtime.part(NotifiedPictures).take([key]).fates[key]
    return fate, reason.code


def test_named_picture_is_recorded_once(site: Installation) -> None:
    site.put(KEY)
    taken = site.runtime.part(NotifiedPictures).take([KEY, KEY])
    assert (taken.fates, taken.task_types) == ({KEY: (Fate.ACCEPTED, Reason(""))}, {TYPE})
    assert _fate(site, KEY) == (Fate.KNOWN, "")
    assert site.scan().new_frames == 0
    assert [frame["state"] for frame in site.frames()] == ["parked"]


@pytest.mark.parametrize(
    ("key", "content", "fate", "code"),
    [
        (KEY, JPEG[:-2], Fate.LATER, "half_written"),
        (KEY, b"", Fate.LATER, "half_written"),
        (f"{TYPE}/门口1/preview_1.jpg", JPEG, Fate.REFUSED, "no_frame"),
        (f"{TYPE}/1.jpg", JPEG, Fate.REFUSED, "no_frame"),
        (f"alerts/{TYPE}/门口1/1.jpg", JPEG, Fate.REFUSED, "no_frame"),
        ("20251114/门口1/1.jpg", JPEG, Fate.REFUSED, "date_folder"),
        (f"{TRIPWIRE}/门口1/1.jpg", JPEG, Fate.LATER, "in_order"),
    ],
)
def test_other_pictures_are_left_to_the_scan_or_refused(
    site: Installation, key: str, content: bytes, fate: Fate, code: str
) -> None:
    site.configure(frame_stable_sec=3600.0)
    site.put(key, content)
    assert _fate(site, key) == (fate, f"incoming.{code}")
    assert site.frames() == []


def test_picture_that_is_not_there_is_refused(site: Installation) -> None:
    assert _fate(site, KEY) == (Fate.REFUSED, "incoming.not_there")


def test_picture_of_a_type_without_a_place_is_refused(site: Installation) -> None:
    site.configure(max_task_types=1)
    for key in (KEY, "人脸/门口1/1.jpg"):
        site.put(key)
    assert _fate(site, KEY)[0] is Fate.ACCEPTED
    assert _fate(site, "人脸/门口1/1.jpg") == (Fate.REFUSED, "incoming.types_full")


def test_type_without_a_picture_takes_no_place(site: Installation) -> None:
    site.configure(max_task_types=1)
    for number in range(3):
        assert _fate(site, f"没有{number}/门口1/1.jpg") == (Fate.REFUSED, "incoming.not_there")
    site.put(KEY)
    assert _fate(site, KEY)[0] is Fate.ACCEPTED


def test_nothing_is_taken_in_while_scanning_is_switched_off(site: Installation) -> None:
    site.configure(enable=False)
    site.put(KEY)
    assert _fate(site, KEY) == (Fate.LATER, "incoming.switched_off")
    assert site.frames() == []


def test_half_written_picture_is_recorded_by_the_next_word(site: Installation) -> None:
    site.configure(frame_stable_sec=3600.0)
    site.put(KEY, JPEG[:-2])
    assert _fate(site, KEY)[0] is Fate.LATER
    site.put(KEY)
    assert _fate(site, KEY)[0] is Fate.ACCEPTED


def test_reused_name_is_a_new_frame_once_the_first_is_over(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    loop = site.loop()
    for turn in range(3):
        site.put(KEY, JPEG.replace(b"picture", b"turn %02d" % turn))
        wait_until(lambda: _fate(site, KEY)[0] is Fate.ACCEPTED, 5, "taken in")
        site.work(loop)
    assert [frame["outcome"] for frame in site.frames()] == ["no_detection"] * 3


def test_picture_under_a_name_used_a_moment_ago_is_taken_in_when_it_stays_the_same(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    site.put(KEY)
    assert _fate(site, KEY)[0] is Fate.ACCEPTED
    site.work(site.loop())
    writes = count()

    def write(_pause_sec: float = 0.0) -> None:
        site.put(KEY, JPEG.replace(b"picture", b"write %d" % next(writes)))

    write()
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=write)
    monkeypatch.setattr(local_watch, "time", clock)  # written again while it is looked at
    wait_until(lambda: _fate(site, KEY)[0] is Fate.LATER, 5, "left to the scan")
    assert len(site.frames()) == 1


@pytest.mark.parametrize("detected", [0, 1])
@pytest.mark.parametrize("earlier", [False, True])
def test_picture_inferred_after_the_look_is_not_recorded_again(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    detected: int,
    earlier: bool,
) -> None:
    # `earlier`: the memory was read a moment ago and is not read again before the look.
    algorithm.answer = lambda frame: detections(detected)
    site.register(algorithm)
    slow = NotifiedPictures(site.open())
    if earlier:
        site.put(f"{TYPE}/门口1/0.jpg")
        slow.take([f"{TYPE}/门口1/0.jpg"])
    site.put(KEY)
    look = slow._watch.whole_pictures

    def look_then_stand_still(*arguments: Any) -> Any:
        pictures = look(*arguments)
        site.scan()
        site.work(site.loop())
        return pictures

    monkeypatch.setattr(slow._watch, "whole_pictures", look_then_stand_still)
    assert slow.take([KEY]).fates[KEY][0] is Fate.KNOWN
    assert [frame["key"] for frame in site.frames() if frame["key"] == KEY] == [KEY]


def test_scans_and_words_at_once_record_each_picture_once(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    loop, ended = site.loop(), threading.Event()
    scanners = [Scanner(site.open()) for _ in range(2)]
    takers = [NotifiedPictures(site.open()) for _ in range(3)]
    keys = [f"{TYPE}/门口{number % 4}/{number:04d}.jpg" for number in range(400)]

    def work(step: Any) -> None:
        while not ended.is_set():
            step()

    def name_all(taker: NotifiedPictures, offset: int) -> None:
        for start in range(0, len(keys), 20):
            taker.take(keys[start + offset : start + 20] + keys[start : start + offset])

    with ThreadPoolExecutor(6) as pool:
        work_on = [pool.submit(work, scanner.scan) for scanner in scanners]
        work_on += [
            pool.submit(work, lambda taker=taker, at=at: name_all(taker, at * 7))
            for at, taker in enumerate(takers)
        ]
        try:
            for key in keys:
                site.put(key)
            deadline = time.monotonic() + 30
            while algorithm.count < len(keys) and time.monotonic() < deadline:
                loop.pump(TYPE, 0.5)
        finally:
            ended.set()
        for future in work_on:
            future.result(30)
    found = [frame["key"] for frame in site.frames()]
    assert sorted(found) == sorted(keys)
    assert algorithm.count == len(keys)
