"""Pictures of a bucket are shown through this server: the page loads nothing from elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from easyai.dashboard.dashboard_app import create_app
from easyai.db import migrate
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.rows import CAMERA, DASHBOARD, STREET, TYPE, Rows
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace
from tests.integration.store.swift_server import SwiftServer

__all__ = ["swift_server"]
PEOPLE = {"detections": [{"bbox": [64, 48, 128, 96]}]}


def test_pictures_of_a_bucket_have_thumbnails_and_sizes(
    swift_server: SwiftServer,
    open_on: OpenRuntime,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = BucketPlace(swift_server)
    settings = swift_server.settings(place.bucket)
    for name, value in {
        "STORE": "minio",
        "MINIO__ENDPOINT": settings.endpoint,
        "MINIO__BUCKET": settings.bucket,
        "MINIO__ACCESS_KEY": settings.access_key,
        "MINIO__SECRET_KEY": settings.secret_key.get_secret_value(),
    }.items():
        monkeypatch.setenv(f"EASYAI_FRAME_EXTRACTOR__{name}", value)
    url = f"sqlite:///{tmp_path / 'easyai.db'}"
    migrate.upgrade(url)
    rows = Rows(open_on(url), folder)
    config = {"regions": [{"type": "line", "points": [[0, 0], [1, 1]]}]}
    place.put("alerts/1.jpg", STREET.read_bytes())
    place.put("t/c/2.jpg", STREET.read_bytes())
    place.put(f"{TYPE}/{CAMERA}/algo_config.json", json.dumps(config).encode())
    alert, frame = rows.alert(PEOPLE, image_path="alerts/1.jpg"), rows.frame("t/c/2.jpg")
    gone = rows.alert(task_id="other", image_path="alerts/gone.jpg")
    with LiveApi(create_app(rows.runtime)) as api:
        _, item = api.get(f"{DASHBOARD}/alerts")["items"]
        assert (item["size"], item["boxes"][0]["unit"]) == (None, "px")
        assert item["regions"][0]["points"] == [[0, 0], [1, 1]]
        thumbnail = api.call("GET", item["thumb"])
        assert Image.open(io.BytesIO(thumbnail.content)).size == (320, 240)
        assert api.get(f"{DASHBOARD}/alerts/sizes?ids={alert}") == {
            "sizes": {str(alert): [640, 480]}
        }
        box = api.get(f"{DASHBOARD}/alerts/{alert}")["boxes"][0]
        assert (box["x"], box["w"], "unit" in box) == (0.1, 0.1, False)
        assert api.call("GET", item["picture"]).content == STREET.read_bytes()
        assert api.call("GET", f"{DASHBOARD}/thumbnails/frames/{frame}").status_code == 200
        api.error(404, "GET", f"{DASHBOARD}/thumbnails/alerts/{gone}")
