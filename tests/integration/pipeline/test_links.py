"""The link of an alert shows its picture, even while the picture cannot be moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from easyai.api.server import create_app
from easyai.pipeline import picture_moves
from tests.integration.api.live import ALERTS, LiveApi
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import JPEG, TYPE, Installation
from tests.support.small_disk import remount, small_disk
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
KEY = f"{TYPE}/门口1/latest.jpg"
NEWER = b"\xff\xd8 a newer picture \xff\xd9"


@pytest.fixture
def site(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation whose cameras write to a separate disk."""
    with small_disk(tmp_path / "snapshots", 16):
        installation = Installation(
            tmp_path, migrated_url, "http://127.0.0.1", frame_stable_sec=0.2
        )
        yield installation
        installation.close()


@pytest.fixture
def live(site: Installation) -> Iterator[LiveApi]:
    """The API of the installation."""
    with LiveApi(create_app(site.runtime)) as api:
        yield api


def _read_only(folder: Path) -> Callable[[], None]:
    remount(folder, "ro")
    return lambda: remount(folder, "rw")


def _no_inodes(folder: Path) -> Callable[[], None]:
    disk = os.statvfs(folder)
    remount(folder, f"nr_inodes={disk.f_files - disk.f_ffree}")
    return lambda: remount(folder, "nr_inodes=1000")


def _alert(site: Installation, live: LiveApi, algorithm: AlgorithmStub) -> dict[str, Any]:
    """Infer the picture at the key; returns its alert."""
    site.register(algorithm)
    loop = site.loop()

    def alerted() -> bool:
        site.scan()
        loop.pump(TYPE, 0.5)
        return bool(site.alerts())

    wait_until(alerted, 15, "an alert")
    loop.drain(5.0)
    (alert,) = live.get(ALERTS)["items"]
    found: dict[str, Any] = alert
    return found


def _shown(live: LiveApi, alert: dict[str, Any]) -> tuple[int, bytes]:
    parts = urlsplit(alert["image_url"])
    status, _, body = live.raw_get(f"{parts.path}?{parts.query}")
    return status, body


@pytest.mark.parametrize("break_down", [_read_only, _no_inodes])
def test_alert_link_shows_the_picture_before_and_after_its_move(
    site: Installation,
    live: LiveApi,
    algorithm: AlgorithmStub,
    break_down: Callable[[Path], Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_moves, "_LEFT_BEHIND_SEC", -1.0)
    site.put(KEY)
    site.scan()
    repair = break_down(site.snapshots)
    alert = _alert(site, live, algorithm)
    assert alert["image_path"] == f"alerts/{KEY}"
    assert site.pictures("") == [KEY]
    assert _shown(live, alert) == (200, JPEG)

    repair()
    assert picture_moves.carry_left_behind(site.runtime) == 1
    assert site.pictures("") == [f"alerts/{KEY}"]
    assert _shown(live, alert) == (200, JPEG)


def test_alert_link_never_shows_a_newer_picture_of_the_same_name(
    site: Installation, live: LiveApi, algorithm: AlgorithmStub
) -> None:
    site.put(KEY)
    site.scan()
    repair = _read_only(site.snapshots)
    alert = _alert(site, live, algorithm)
    repair()
    site.put(KEY, NEWER)
    assert _shown(live, alert)[0] == 404


def test_link_to_an_unmoved_picture_works_for_alerts_only(
    site: Installation, live: LiveApi
) -> None:
    site.put(KEY)
    site.scan()
    link = site.runtime.store.url(f"alerts/{KEY}", 60)
    assert _shown(live, {"image_url": link})[0] == 404
