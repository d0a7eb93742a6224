"""Frames are named and sent over REST: who may, what is written, and what is answered."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import text

from easyai.api.server import create_app
from easyai.errors import StorageFullError, StoreUnavailableError
from easyai.pipeline import intake
from easyai.pipeline.ownership import take_over
from easyai.runtime import Runtime
from easyai.store.local import LocalStore
from tests.integration.api.anywhere import ELSEWHERE, Site
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import LiveApi, RecordingDoorbell
from tests.integration.pipeline.bucket_site import use_bucket
from tests.integration.store.conftest import swift_server
from tests.integration.store.places import BucketPlace, jpeg
from tests.integration.store.swift_server import SwiftServer
from tests.support.small_disk import small_disk

__all__ = ["swift_server"]
FRAMES = "/api/v1/frames"
EVENTS = f"{FRAMES}/events"
TYPE = "人数统计"
KEY = f"{TYPE}/门口1/1.jpg"
JPEG = b"\xff\xd8\xff\xfe\x00\x3a" + b"picture" * 8 + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82"


def _send(api: LiveApi, content: bytes = JPEG, kind: str = "image/jpeg", **names: str) -> Any:
    parameters = {"task_type": TYPE, "task_id": "门口1", "name": "1.jpg"} | names
    headers = {"content-type": kind}
    return api.call("POST", FRAMES, data=content, params=parameters, headers=headers)


def _keys(runtime: Runtime) -> list[str]:
    with runtime.db.read() as conn:
        return list(conn.execute(text("SELECT key FROM frames ORDER BY id")).scalars())


def _put(folder: Path, key: str, content: bytes = JPEG) -> None:
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_bytes(content)


def test_named_pictures_are_recorded_and_each_fate_is_answered(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, doorbell: RecordingDoorbell
) -> None:
    api, runtime = sqlite_api, sqlite_runtime
    _put(folder, KEY)
    half = f"{TYPE}/门口1/half.jpg"
    _put(folder, half, JPEG[:-2])
    keys = [KEY, half, f"{TYPE}/门口1/none.jpg", "../1.jpg", "a\0b/c/1.jpg", f"{TYPE}/1.jpg"]
    answer = api.post(FRAMES, {"keys": keys})
    assert {frame["key"]: frame["state"] for frame in answer["frames"]} == {
        KEY: "accepted",
        half: "later",
        f"{TYPE}/门口1/none.jpg": "refused",
        "../1.jpg": "refused",
        "a\0b/c/1.jpg": "refused",
        f"{TYPE}/1.jpg": "refused",
    }
    by_key = {frame["key"]: frame for frame in answer["frames"]}
    assert by_key[half]["reason_code"] == "incoming.half_written"
    assert "next scans look again" in by_key[half]["reason"]
    assert answer["accepted"] == 1
    assert (_keys(runtime), doorbell.rung) == ([KEY], [TYPE])
    again = api.post(FRAMES, {"keys": [KEY]})
    assert again["frames"] == [{"key": KEY, "state": "known"} | _no_reason()]


def _no_reason() -> dict[str, Any]:
    return {"reason": "", "reason_code": "", "reason_args": {}}


@pytest.mark.parametrize(
    "body", [[], {}, {"keys": []}, {"keys": "a"}, {"keys": [1]}, {"keys": ["a"] * 1001}]
)
def test_invalid_body_is_refused_by_field(sqlite_api: LiveApi, body: object) -> None:
    assert sqlite_api.error(400, "POST", FRAMES, json=body).startswith("keys: ")


def test_sent_picture_is_written_whole_and_recorded_once(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, doorbell: RecordingDoorbell
) -> None:
    api, runtime = sqlite_api, sqlite_runtime
    first = _send(api)
    assert (first.status_code, first.json()["frames"][0]["state"]) == (201, "accepted")
    again = _send(api)
    assert (again.status_code, again.json()["frames"][0]["state"]) == (200, "known")
    assert _send(api, JPEG.replace(b"picture", b"another")).status_code == 409
    assert (folder / KEY).read_bytes() == JPEG
    assert [path.name for path in (folder / KEY).parent.iterdir()] == ["1.jpg"]
    assert intake.scan(runtime).new_frames == 0
    assert (_keys(runtime), doorbell.rung) == ([KEY], [TYPE])


@pytest.mark.parametrize("content", [JPEG + bytes(16), JPEG[:-2], b"\xff\xd8\xff"])
def test_picture_that_does_not_end_as_its_format_is_left_to_the_scan(
    sqlite_api: LiveApi, folder: Path, content: bytes
) -> None:
    # HTTP has proved that the content came whole: the camera ends its pictures so.
    sent = _send(sqlite_api, content)
    assert sent.status_code == 201
    (frame,) = sent.json()["frames"]
    assert (frame["state"], frame["reason_code"]) == ("later", "incoming.half_written")
    assert (folder / KEY).read_bytes() == content


def test_picture_and_new_folders_are_durable_before_the_answer(
    sqlite_api: LiveApi, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[int, list[str]]] = []  # each folder, with its entries at the flush

    def note(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            flushed.append((status.st_ino, os.listdir(descriptor)))

    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(os, "fsync", note)
    assert _send(sqlite_api).status_code == 201
    for path in (folder / TYPE, folder / TYPE / "门口1", folder / KEY):
        inode = path.parent.stat().st_ino
        assert any(path.name in names for number, names in flushed if number == inode), path


def test_picture_that_was_inferred_meanwhile_is_not_taken_in_again(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    assert _send(sqlite_api).status_code == 201
    (folder / KEY).unlink()
    with sqlite_runtime.db.write() as conn:
        conn.execute(text("UPDATE frames SET state = 'done', image_path = ''"))
    assert _send(sqlite_api).status_code == 200
    assert (_keys(sqlite_runtime), (folder / KEY).exists()) == ([KEY], False)


@pytest.fixture
def restarted(sqlite_runtime: Runtime, open_on: OpenRuntime) -> Iterator[LiveApi]:
    """The API of another process of the same installation."""
    with LiveApi(create_app(open_on(str(sqlite_runtime.db.url)))) as live:
        yield live


def test_picture_that_was_inferred_is_known_after_a_restart_of_the_api(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, restarted: LiveApi
) -> None:
    assert _send(sqlite_api).status_code == 201
    (folder / KEY).unlink()
    with sqlite_runtime.db.write() as conn:
        conn.execute(text("UPDATE frames SET state = 'done', image_path = ''"))
    again = _send(restarted)
    assert (again.status_code, again.json()["frames"][0]["state"]) == (200, "known")
    assert _send(restarted, JPEG.replace(b"picture", b"another")).status_code == 409
    assert (_keys(sqlite_runtime), (folder / KEY).exists()) == ([KEY], False)


def test_waiting_picture_is_known_after_a_restart_of_the_api(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, restarted: LiveApi
) -> None:
    assert _send(sqlite_api).status_code == 201
    again = _send(restarted)
    assert (again.status_code, again.json()["frames"][0]["state"]) == (200, "known")
    assert _keys(sqlite_runtime) == [KEY]


def test_picture_that_was_never_written_is_new_after_a_restart_of_the_api(
    sqlite_api: LiveApi,
    sqlite_runtime: Runtime,
    folder: Path,
    restarted: LiveApi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as full:
        full.setattr("easyai.pipeline.sent_pictures.write_picture", _disk_is_full)
        assert _send(sqlite_api).status_code == 507
    assert _send(restarted, JPEG.replace(b"picture", b"another")).status_code == 201
    assert (_keys(sqlite_runtime), (folder / KEY).exists()) == ([KEY], True)


def _disk_is_full(*_: object) -> bool:
    raise StorageFullError


def test_picture_without_a_name_is_named_by_the_time(
    sqlite_api: LiveApi, sqlite_runtime: Runtime
) -> None:
    assert _send(sqlite_api, PNG, "image/png", name="").status_code == 201
    (key,) = _keys(sqlite_runtime)
    name = key.rpartition("/")[2]
    assert (name[8], name[15], name.rpartition(".")[2]) == ("-", ".", "png")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"", {}),
        (b"GIF89a", {}),
        (JPEG, {"task_type": ""}),
        (JPEG, {"task_type": ".."}),
        (JPEG, {"task_type": "a/b"}),
        (JPEG, {"task_type": "alerts"}),
        (JPEG, {"task_type": "20251114"}),
        (JPEG, {"task_id": "../.."}),
        (JPEG, {"task_id": ".hidden"}),
        (JPEG, {"task_id": "a\nb"}),
        (JPEG, {"name": "../1.jpg"}),
        (JPEG, {"name": "1.png"}),
        (JPEG, {"name": "1.txt"}),
        (JPEG, {"name": "preview_1.jpg"}),
        (JPEG, {"name": "长" * 70 + ".jpg"}),
    ],
)
def test_wrong_content_or_name_is_refused_and_nothing_is_written(
    sqlite_api: LiveApi, folder: Path, content: bytes, names: dict[str, str]
) -> None:
    assert _send(sqlite_api, content, **names).status_code == 400
    assert [path for path in folder.rglob("*") if path.is_file()] in (
        [],
        [folder / ".easyai-installation.json"],
    )


def test_picture_is_not_written_through_a_symbolic_link(
    sqlite_api: LiveApi, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    folder.mkdir(exist_ok=True)
    (folder / TYPE).symlink_to(tmp_path / "outside")
    assert _send(sqlite_api).status_code == 400
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("link", [TYPE, f"{TYPE}/门口1"])
def test_key_behind_a_symbolic_link_is_refused(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside"
    _put(outside, KEY)
    (folder / link).parent.mkdir(parents=True, exist_ok=True)
    (folder / link).symlink_to(outside / link)
    (answer,) = sqlite_api.post(FRAMES, {"keys": [KEY]})["frames"]
    assert (answer["state"], answer["reason_code"]) == ("refused", "incoming.not_there")
    assert _keys(sqlite_runtime) == []


def test_picture_above_the_limit_is_refused(sqlite_api: LiveApi, folder: Path) -> None:
    assert _send(sqlite_api, JPEG[:-2] + bytes(2_000_000) + JPEG[-2:]).status_code == 201
    assert _send(sqlite_api, bytes(20_000_001), name="2.jpg").status_code == 413


def test_named_keys_are_no_picture_and_have_the_limit_of_other_bodies(
    sqlite_api: LiveApi, folder: Path
) -> None:
    keys = f'{{"keys": ["{"a" * 1_000_000}"]}}'.encode()
    assert _send(sqlite_api, keys, "application/json").status_code == 413
    assert _send(sqlite_api, bytes(1_000_001), "application/octet-stream").status_code == 413


def test_picture_that_is_not_written_takes_no_place_of_a_type(
    folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__MAX_TASK_TYPES", "1")
    api: LiveApi = request.getfixturevalue("sqlite_api")
    with monkeypatch.context() as full:
        full.setattr(LocalStore, "free_percent", lambda store: 0.0)
        assert _send(api, task_type="人脸").status_code == 507
    assert _send(api).status_code == 201
    refused = _send(api, task_type="人脸")
    assert (refused.status_code, "max_task_types" in refused.json()["error"]) == (400, True)
    assert not (folder / "人脸").exists()


@pytest.mark.parametrize(
    ("enable", "task_type", "code"),
    [("true", "绊线人数统计", "in_order"), ("false", TYPE, "switched_off")],
)
def test_sent_picture_that_the_scan_takes_in_is_answered_later(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    enable: str,
    task_type: str,
    code: str,
) -> None:
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__ENABLE", enable)
    api: LiveApi = request.getfixturevalue("sqlite_api")
    for status in (201, 200):
        sent = _send(api, task_type=task_type)
        (frame,) = sent.json()["frames"]
        answer = (sent.status_code, frame["state"], frame["reason_code"])
        assert answer == (status, "later", f"incoming.{code}")
    assert sent.json()["accepted"] == 0


@pytest.mark.parametrize("claimed", [False, True])
def test_picture_is_not_written_while_the_disk_is_not_mounted(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, tmp_path: Path, claimed: bool
) -> None:
    assert _send(sqlite_api).status_code == 201
    folder.rename(tmp_path / "disk")
    folder.mkdir()
    if claimed:
        take_over(sqlite_runtime)  # as a worker does
    assert _send(sqlite_api, name="2.jpg").status_code == 503
    assert not (folder / TYPE).exists()
    with pytest.raises(StoreUnavailableError):
        sqlite_runtime.store.gone(KEY)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    (tmp_path / "disk").rename(folder)
    assert _send(sqlite_api, name="2.jpg").status_code == 201


def test_full_disk_is_answered_507_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    large = JPEG[:-2] + bytes(2_000_000) + JPEG[-2:]
    with small_disk(folder, 1):
        api: LiveApi = request.getfixturevalue("sqlite_api")
        assert _send(api).status_code == 201
        assert _send(api, large, name="2.jpg").status_code == 507
        assert [path.name for path in (folder / KEY).parent.iterdir()] == ["1.jpg"]
        (folder / "filler").write_bytes(bytes(1_000_000))
        assert _send(api, name="3.jpg").status_code == 507  # disk_min_free_percent


def test_same_picture_sent_at_once_is_one_frame(
    sqlite_api: LiveApi, sqlite_runtime: Runtime
) -> None:
    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(_send, sqlite_api) for _ in range(12)]
    statuses = sorted(future.result().status_code for future in sent)
    assert statuses == [200] * 11 + [201]
    assert _keys(sqlite_runtime) == [KEY]


def test_strangers_and_viewers_may_neither_name_nor_send(
    folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_VIEWER_TOKEN", "of-the-viewers")
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    site: Site = request.getfixturevalue("open_site")()
    for path in (FRAMES, EVENTS):
        assert site.ask("POST", path, ELSEWHERE, {"keys": [KEY]})[0] == 403
        assert site.ask("POST", path, ELSEWHERE, Authorization="Bearer of-the-viewers")[0] == 403
    assert _send(site.api, bytes(2_000_000)).status_code == 403
    assert not (folder / TYPE).exists()


def test_token_of_frames_allows_frames_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_FRAMES_TOKEN", "of-the-cameras")
    monkeypatch.setenv("EASYAI_VIEWERS", "token")
    site: Site = request.getfixturevalue("open_site")()
    token = "Bearer of-the-cameras"
    assert site.ask("POST", FRAMES, ELSEWHERE, {"keys": [KEY]}, Authorization=token)[0] == 200
    for method, path in (("POST", "/api/v1/ai_analysis/clear_all"), ("GET", "/api/v1/alerts")):
        assert site.ask(method, path, ELSEWHERE, Authorization=token)[0] == 403


def test_events_without_a_bucket_are_refused(sqlite_api: LiveApi) -> None:
    assert "local folder" in sqlite_api.error(400, "POST", EVENTS, json={"Records": []})


@pytest.fixture
def bucket(swift_server: SwiftServer) -> BucketPlace:
    """A fresh bucket."""
    swift_server.start()
    return BucketPlace(swift_server)


@pytest.fixture
def bucket_api(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[tuple[LiveApi, Runtime]]:
    """The API of an installation whose frames lie in the bucket."""
    use_bucket(monkeypatch, bucket.server.settings(bucket.bucket))
    runtime: Runtime = request.getfixturevalue("sqlite_runtime")
    with LiveApi(create_app(runtime)) as live:
        yield live, runtime


def _record(bucket: str, key: str, name: str = "s3:ObjectCreated:Put") -> dict[str, Any]:
    return {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}


def test_events_of_a_bucket_are_taken_in_once(
    bucket_api: tuple[LiveApi, Runtime], bucket: BucketPlace
) -> None:
    api, runtime = bucket_api
    keys = [f"{TYPE}/门口1/a b+c.jpg", f"{TYPE}/门口1/2.jpg"]
    for key in keys:
        bucket.put(key, jpeg(key))
    own = bucket.bucket
    message = {
        "EventName": "s3:ObjectCreated:Put",
        "Records": [
            _record(own, quote_plus(keys[0])),
            _record(own, quote(keys[1], safe=""), "ObjectCreated:CompleteMultipartUpload"),
            _record(own, quote_plus(f"{TYPE}/门口1/none.jpg")),
            _record(own, quote_plus(keys[0]), "s3:ObjectRemoved:Delete"),
            _record("others", quote_plus(f"{TYPE}/门口2/1.jpg")),
            {"eventName": "s3:ObjectCreated:Put", "s3": []},
            7,
        ],
    }
    answer = api.post(EVENTS, message)
    assert {frame["key"]: (frame["state"], frame["reason_code"]) for frame in answer["frames"]} == {
        keys[0]: ("accepted", ""),
        keys[1]: ("accepted", ""),
        f"{TYPE}/门口1/none.jpg": ("refused", "incoming.not_there"),
        f"{TYPE}/门口2/1.jpg": ("refused", "incoming.other_bucket"),
    }
    assert (answer["accepted"], answer["ignored"]) == (2, 3)
    assert api.post(EVENTS, message)["accepted"] == 0
    assert intake.scan(runtime).new_frames == 0
    assert sorted(_keys(runtime)) == sorted(keys)
    others: list[Any] = [{"Event": "s3:TestEvent"}, [], {"Records": 7}]
    for other in others:
        assert api.post(EVENTS, other)["frames"] == []


def test_picture_for_a_bucket_is_refused(bucket_api: tuple[LiveApi, Runtime]) -> None:
    assert "object store" in _send(bucket_api[0]).json()["error"]
