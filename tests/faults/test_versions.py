"""A camera rewrites a file name, while frames are inferred and the worker is killed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import Trials
from tests.faults.installations import EMBEDDED, Embedded
from tests.faults.latest import (
    LatestCamera,
    WitnessStub,
    Write,
    by_rename,
    by_upload,
    digest,
    in_place,
)
from tests.faults.ledger_view import LedgerView
from tests.faults.outcome import Outcome
from tests.faults.trial import ALWAYS, SHORT
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace
from tests.integration.store.swift_server import SwiftServer
from tests.support.waiting import wait_until

__all__ = ["swift_server"]
TYPE = "人数统计"
WAYS = ("改名", "原地")  # cameras: by rename, in place
_WRITE_SEC = 7.0  # before the kill, and after it
_SETTINGS = f"{ALWAYS}{SHORT}scan_interval_sec = 0.3\n"
_INFER_SEC = 0.15  # longer than between two versions


@pytest.mark.faults
def test_every_recorded_version_of_a_file_has_exactly_one_fate(
    trials: Trials, tmp_path: Path
) -> None:
    with _site(tmp_path, {}) as site:
        folders = [site.frames / TYPE / way for way in WAYS]
        for folder in folders:
            folder.mkdir(parents=True)
        rename, write = (folder / "latest.jpg" for folder in folders)
        outcome = Outcome("latest.jpg written 10 times a second, worker killed", EMBEDDED)
        cameras = _work(site, [by_rename(rename), in_place(write)], outcome)
        files = site.frames.rglob("*.jpg")  # hidden files, too
        there = {str(file.relative_to(site.frames)): digest(file.read_bytes()) for file in files}
        _check(site, cameras, outcome, there)
    trials.record(outcome)


@pytest.mark.faults
def test_every_recorded_version_of_an_object_has_exactly_one_fate(
    trials: Trials, tmp_path: Path, swift_server: SwiftServer
) -> None:
    place = BucketPlace(swift_server)
    settings = swift_server.settings(place.bucket)
    variables = {
        "STORE": "minio",
        "MINIO__ENDPOINT": settings.endpoint,
        "MINIO__BUCKET": settings.bucket,
        "MINIO__ACCESS_KEY": settings.access_key,
        "MINIO__SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    own = {f"EASYAI_FRAME_EXTRACTOR__{name}": value for name, value in variables.items()}
    with _site(tmp_path, own) as site:
        keys = [f"{TYPE}/{way}/latest.jpg" for way in WAYS]
        writers = [by_upload(swift_server.client(), place.bucket, key) for key in keys]
        outcome = Outcome("latest.jpg of a bucket put 10 times a second, worker killed", EMBEDDED)
        cameras = _work(site, writers, outcome)
        found = place.client.list_objects(place.bucket, recursive=True)
        there = [entry.object_name or "" for entry in found]
        pictures = [key for key in there if key.endswith(".jpg")]
        _check(site, cameras, outcome, {key: digest(place.content(key)) for key in pictures})
    trials.record(outcome)


@contextmanager
def _site(folder: Path, environment: dict[str, str]) -> Iterator[Embedded]:
    """A running installation; stopped in order when all went well."""
    site = Embedded(folder, _SETTINGS, environment)
    try:
        site.start()
        yield site
        site.stop()
    except BaseException:
        print(site.output())
        raise
    finally:
        site.close()


def _work(site: Embedded, writers: Sequence[Write], outcome: Outcome) -> list[LatestCamera]:
    """Let cameras write, kill the worker half-way; returns once everything has its fate."""
    cameras = [LatestCamera(write, series) for series, write in enumerate(writers)]
    ledger = LedgerView(site.database_url)
    with WitnessStub(TYPE, delay_sec=_INFER_SEC) as service, ExitStack() as stack:
        service.register(site.url)
        for camera in cameras:
            camera.start()
            stack.callback(camera.stop)
        time.sleep(_WRITE_SEC)
        site.kill("worker")
        killed_at = time.time()
        found = wait_until(lambda: ledger.first_success(killed_at), 30, "work goes on", 0.1)
        outcome.resumed_sec, outcome.resume_limit_sec = found - killed_at, 20
        assert found - killed_at <= 20
        time.sleep(_WRITE_SEC)
        stack.close()
        last = {camera.written[-1] for camera in cameras}
        wait_until(
            lambda: last <= {digest(request.picture) for request in list(service.received)},
            30,
            "the last version of each name is inferred",
        )
        wait_until(lambda: not ledger.unsettled(), 30, "every version has its fate", 0.1)
    return cameras


def _check(
    site: Embedded, cameras: Sequence[LatestCamera], outcome: Outcome, there: dict[str, str]
) -> None:
    """`there`: the pictures in the store with their digests."""
    ledger = LedgerView(site.database_url)
    frames, alerts = ledger.frames(), ledger.alerts()
    fates = Counter(frame.outcome for frame in frames)
    assert set(fates) <= {"alert", "no_detection", "superseded"}, fates
    # Where the store is slower than a camera, the last version of a name may be the only version
    # that is still there when it is settled; its content decides which of the two it is.
    assert fates["superseded"], fates
    assert fates["alert"] + fates["no_detection"] >= len(cameras), fates
    # An alert for each frame with detections, each with a whole picture of its own: the picture
    # that its algorithm got.
    assert sorted(alert.frame_id for alert in alerts) == sorted(
        frame.id for frame in frames if frame.outcome == "alert"
    )
    answered = {alert.image_path: json.loads(alert.result)["digest"] for alert in alerts}
    assert there == answered
    assert len(set(answered.values())) == len(alerts), "a picture made two alerts"
    assert set(answered.values()) <= {digest for camera in cameras for digest in camera.written}
    url = f"{site.url}/api/v1/ai_analysis/inference_stats"
    superseded = requests.get(url, timeout=10).json()["superseded_total"]
    assert superseded == fates["superseded"]
    outcome.put_in, outcome.alerts = len(frames), len(alerts)
