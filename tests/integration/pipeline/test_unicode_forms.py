"""Two Unicode forms of a name in folders, services and settings mean the same name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize
from urllib.parse import urlsplit

import pytest

from easyai.api.server import create_app
from easyai.db.discards import Chosen
from easyai.db.frames import FrameFilter
from easyai.domain.actor import Actor
from easyai.domain.frame import FrameState
from easyai.pipeline.discard import discard
from easyai.pipeline.requeue import requeue
from tests.integration.api.live import LiveApi
from tests.integration.pipeline.bucket_site import use_bucket
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace, jpeg
from tests.integration.store.swift_server import SwiftServer
from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.site import JPEG, Installation

__all__ = ["swift_server"]
NAME, CAMERA = "Café", "Entrée 2"  # composed
FOLDER = normalize("NFD", f"{NAME}/{CAMERA}")
OTHER = b"\xff\xd8\xff\xfe\x00\x3a" + b"another" * 8 + b"\xff\xd9"
on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def live(site: Installation) -> Iterator[LiveApi]:
    """The API of the installation."""
    with LiveApi(create_app(site.runtime)) as api:
        yield api


def _shown(live: LiveApi, url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    status, _, body = live.raw_get(f"{parts.path}?{parts.query}")
    return status, body


def _register(site: Installation, algorithm: AlgorithmStub, name: str = NAME) -> None:
    algorithm.task_types = (name,)
    site.register(algorithm)


def _types(site: Installation) -> list[str]:
    return [row["name"] for row in site.rows("SELECT name FROM task_types ORDER BY name")]


@pytest.mark.parametrize(("folder", "service"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_frame_reaches_the_service_of_its_type_in_either_unicode_form(
    site: Installation, live: LiveApi, algorithm: AlgorithmStub, folder: str, service: str
) -> None:
    place = normalize(folder, f"{NAME}/{CAMERA}")  # type: ignore[arg-type]
    _register(site, algorithm, normalize(service, NAME))  # type: ignore[arg-type]
    site.put(f"{place}/algo_config.json", b'{"v": 1}')
    site.put(f"{place}/é.jpg")
    opened = list[tuple[int, bytes]]()

    def answer(frame: Frame) -> Answer:
        opened.append(_shown(live, frame["image_url"]))
        return detections(1)

    algorithm.answer = answer
    site.work(site.loop(), NAME)

    (sent,) = algorithm.received
    assert (sent.frame["task_type"], sent.frame["task_id"]) == (NAME, CAMERA)
    assert sent.frame["image_path"] == f"{place}/é.jpg"
    assert sent.frame["algo_config"] == {"v": 1}
    assert opened == [(200, JPEG)]
    (alert,) = live.get(f"/api/v1/alerts?task_type={normalize('NFD', NAME)}")["items"]
    assert (alert["task_type"], alert["task_id"]) == (NAME, CAMERA)
    assert alert["image_path"] == f"alerts/{NAME}/{CAMERA}/é.jpg"
    assert _shown(live, alert["image_url"]) == (200, JPEG)
    assert site.pictures(place) == []
    assert _types(site) == [NAME]


@on_sqlite
def test_two_folders_of_a_camera_keep_both_pictures_of_the_same_name(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _register(site, algorithm)
    composed = site.put(f"{NAME}/{CAMERA}/1.jpg")
    decomposed = site.put(f"{FOLDER}/1.jpg", OTHER)
    assert not composed.samefile(decomposed)
    site.put(f"{FOLDER}/algo_config.json", b'{"v": "of this folder"}')
    site.work(site.loop(), NAME)

    configs = {item.frame["image_path"]: item.frame["algo_config"] for item in algorithm.received}
    assert configs == {f"{NAME}/{CAMERA}/1.jpg": {}, f"{FOLDER}/1.jpg": {"v": "of this folder"}}
    paths = [alert["image_path"] for alert in site.alerts()]
    assert {(site.snapshots / path).read_bytes() for path in paths} == {JPEG, OTHER}
    assert {path.rpartition("/")[0] for path in paths} == {f"alerts/{NAME}/{CAMERA}"}
    assert _types(site) == [NAME]


@on_sqlite
def test_failed_frames_of_both_folders_are_kept_and_requeued_together(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(max_attempts=1)
    _register(site, algorithm)
    site.put(f"{NAME}/{CAMERA}/1.jpg")
    site.put(f"{FOLDER}/1.jpg", OTHER)
    works, algorithm.answer = algorithm.answer, lambda _: (200, {"success": False, "error": "no"})
    site.work(site.loop(), NAME)
    kept = [frame["image_path"] for frame in site.frames()]
    assert {(site.snapshots / path).read_bytes() for path in kept} == {JPEG, OTHER}

    algorithm.answer = works
    report = requeue(site.runtime, FrameFilter(FrameState.FAILED, NAME, CAMERA))
    assert report.by_task_type == {NAME: 2}
    site.work(site.loop(), NAME)
    assert [frame["outcome"] for frame in site.frames()] == ["alert", "alert"]
    assert len(site.pictures(f"alerts/{NAME}")) == 2


@on_sqlite
def test_camera_limit_and_sampling_count_both_folders_together(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    named = json.dumps(normalize("NFD", NAME), ensure_ascii=False)
    camera = json.dumps(normalize("NFD", CAMERA), ensure_ascii=False)
    site.configure(
        f"[ai_analysis.types.{named}]\nsampling = 2\n"
        f"[[frame_extractor.tasks]]\nid = {camera}\ntask_type = {named}\nmax_frame_count = 1"
    )
    for number in range(2):
        site.put(f"{NAME}/{CAMERA}/{number}.jpg")
        site.put(f"{FOLDER}/{number}.jpg")
    site.scan()
    outcomes = [frame["outcome"] for frame in site.frames()]
    assert sorted(outcomes, key=str) == [None, "queue_full", "sampled", "sampled"]


@on_sqlite
def test_pictures_of_a_decomposed_folder_are_deleted(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.put(f"{FOLDER}/1.jpg")
    site.scan()
    discard(site.runtime, Chosen(NAME, CAMERA), dry_run=False, by=Actor("test", local=True))
    site.put(f"{FOLDER}/2.jpg")
    _register(site, algorithm)
    algorithm.answer = lambda _: (200, {"success": True, "result": {}})
    site.work(site.loop(), NAME)
    assert [frame["outcome"] for frame in site.frames()] == ["discarded", "no_detection"]
    assert site.pictures(FOLDER) == []


@on_sqlite
def test_decomposed_key_in_a_bucket_is_read_copied_and_deleted(
    migrated_url: str,
    tmp_path: Path,
    swift_server: SwiftServer,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swift_server.start()
    bucket = BucketPlace(swift_server)
    use_bucket(monkeypatch, swift_server.settings(bucket.bucket))
    site = Installation(tmp_path, migrated_url)
    algorithm.download = True
    _register(site, algorithm)
    bucket.put(f"{NAME}/{CAMERA}/1.jpg", jpeg("1"))
    bucket.put(f"{FOLDER}/1.jpg", jpeg("2"))
    site.work(site.loop(), NAME, timeout=40)

    assert {item.picture for item in algorithm.received} == {jpeg("1"), jpeg("2")}
    paths = [alert["image_path"] for alert in site.alerts()]
    assert {bucket.content(path) for path in paths} == {jpeg("1"), jpeg("2")}
    assert all(path.startswith(f"alerts/{NAME}/{CAMERA}/1") for path in paths)
    assert bucket.content(f"{FOLDER}/1.jpg") is None
    site.close()
