"""A disk that is really full: parked frames are dropped, and nothing else is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside
from tests.support.small_disk import kept_full, small_disk
from tests.support.waiting import wait_until

MEGABYTES = 128
PICTURE_BYTES = 200_000
FULL_PERCENT = 3.0  # below the guard's default of 5; the database needs some of it
UNSERVED = "无人服务"
SERVED = ("满前", "满时", "满后")


@pytest.fixture
def easyai(tmp_path: Path) -> Iterator[EasyaiProcess]:
    """``easyai up`` on a small disk of its own."""
    folder = tmp_path / "disk"
    with small_disk(folder, MEGABYTES), EasyaiProcess(folder, forked=True) as process:
        process.log_path = tmp_path / "up.out"
        yield process


def _free_percent(folder: Path) -> float:
    disk = os.statvfs(folder)
    return 100.0 * disk.f_bavail / disk.f_blocks


def _fill(site: Outside) -> list[str]:
    """A camera of a type without a service writes until the disk is full; keys, oldest first."""
    head = jpeg()
    keys: list[str] = []
    content = head[:2] + bytes(PICTURE_BYTES) + head[2:]
    while _free_percent(site.frames) >= FULL_PERCENT:
        keys.append(f"{UNSERVED}/门口1/{len(keys):05d}.jpg")
        site.put(keys[-1], content)
    return keys


def _drops(site: Outside) -> int:
    return int(site.stats()["dropped_by_reason"]["disk_low"])


def test_full_disk_drops_the_oldest_parked_frames_and_live_frames_go_on(
    easyai: EasyaiProcess,
) -> None:
    easyai.start(timeout=60)
    site = Outside(easyai.url, easyai.frames)
    with AlgorithmStub("live", SERVED, answer=lambda _: detections(1)) as stub:
        stub.register(site.url)
        site.assert_one_alert_each(site.put_many(3, SERVED[0]), timeout=40)

        keys = _fill(site)
        wait_until(lambda: _drops(site), 40, "room is made")
        wait_until(lambda: _free_percent(easyai.frames) >= 5, 10, "there is room")
        given = _drops(site)
        assert given < len(keys) / 2, "no more than makes room"
        wait_until(lambda: site.pictures(UNSERVED) == keys[given:], 10, "the oldest went")

        with kept_full(easyai.folder, lambda: _free_percent(easyai.folder) >= FULL_PERCENT):
            wait_until(lambda: site.alerts("disk_low"), 40, "the alarm is raised")
            site.assert_one_alert_each(site.put_many(5, SERVED[1]), timeout=40)
        wait_until(lambda: "disk" in _results(site, "recovered"), 40, "the alarm ends")
        site.assert_one_alert_each(site.put_many(5, SERVED[2]), timeout=40)
        assert _drops(site) == len(keys) - len(site.pictures(UNSERVED)), "each is counted"
        assert site.stats()["dropped_total"] == _drops(site)
    easyai.stop()


def _results(site: Outside, kind: str) -> str:
    return " ".join(str(alert["result"]) for alert in site.alerts(kind))
