"""Cameras with `save_alert_image = false`: alerts without pictures, in a folder and a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from easyai.db.frames import FrameFilter
from easyai.domain.frame import FrameState
from easyai.pipeline.alert_removal import delete_alerts
from easyai.pipeline.requeue import requeue
from tests.integration.pipeline.bucket_site import use_bucket
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace, jpeg
from tests.integration.store.swift_server import SwiftServer
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import TYPE, Installation

__all__ = ["swift_server"]
pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
NO_PICTURES = '[[frame_extractor.tasks]]\nid = "门口1"\nsave_alert_image = false\n'
CAMERAS = ("门口1", "门口2")


def _alerts(site: Installation) -> dict[str, dict[str, Any]]:
    return {alert["task_id"]: alert for alert in site.alerts()}


def test_save_alert_image_false_deletes_the_picture_and_keeps_the_alert(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda _: detections(2)
    site.configure(NO_PICTURES)
    site.register(algorithm)
    for camera in CAMERAS:
        site.put(f"{TYPE}/{camera}/1.jpg")
    site.work(site.loop())
    kept = f"alerts/{TYPE}/门口2/1.jpg"
    assert site.pictures("") == [kept]
    alerts = _alerts(site)
    assert [alerts[camera]["image_path"] for camera in CAMERAS] == ["", kept]
    assert [alerts[camera]["detection_count"] for camera in CAMERAS] == [2, 2]
    assert [frame["outcome"] for frame in site.frames()] == ["alert", "alert"]
    assert site.scan().new_frames == 0
    assert delete_alerts(site.runtime, [alerts["门口1"]["id"]]) == 1
    assert site.pictures("") == [kept]


def test_save_alert_image_false_leaves_no_picture_of_a_requeued_frame(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda _: (200, {"success": False, "error": "no"})
    site.configure(NO_PICTURES, max_attempts=1)
    site.register(algorithm)
    site.put(f"{TYPE}/门口1/1.jpg")
    site.work(site.loop())
    assert site.pictures("") == [f"failed/{TYPE}/门口1/1.jpg"], "kept: nothing came of it yet"
    algorithm.answer = lambda _: detections(1)
    requeue(site.runtime, FrameFilter(FrameState.FAILED))
    site.work(site.loop())
    assert site.pictures("") == []
    (alert,) = site.alerts()
    assert alert["image_path"] == ""


def test_save_alert_image_false_leaves_no_copy_in_a_bucket(
    tmp_path: Path,
    migrated_url: str,
    swift_server: SwiftServer,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swift_server.start()
    bucket = BucketPlace(swift_server)
    use_bucket(monkeypatch, swift_server.settings(bucket.bucket))
    site = Installation(tmp_path, migrated_url)
    try:
        algorithm.answer = lambda _: detections(1)
        site.configure(NO_PICTURES)
        site.register(algorithm)
        for camera in CAMERAS:
            bucket.put(f"{TYPE}/{camera}/1.jpg", jpeg(camera))
        site.work(site.loop(), timeout=30)
        kept = f"alerts/{TYPE}/门口2/1.jpg"
        assert [_alerts(site)[camera]["image_path"] for camera in CAMERAS] == ["", kept]
        left = [
            item.object_name for item in bucket.client.list_objects(bucket.bucket, recursive=True)
        ]
        assert [name for name in left if str(name).endswith(".jpg")] == [kept]
    finally:
        site.close()
