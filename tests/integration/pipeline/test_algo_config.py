"""algo_config.json is sent to the algorithm with every frame of its camera."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from easyai.pipeline import algo_config
from easyai.pipeline.algo_config import AlgoConfigs
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

CAMERA = f"{TYPE}/门口1"
KEY = f"{CAMERA}/algo_config.json"

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algo_config, "_FRESH_SEC", 0.0)


Send = Callable[..., dict[str, Any]]


@pytest.fixture
def send(site: Installation, algorithm: AlgorithmStub) -> Send:
    """Puts another picture of a camera; returns the request that the algorithm got."""
    site.register(algorithm)
    loop = site.loop()

    def send(camera: str = CAMERA) -> dict[str, Any]:
        number = algorithm.count
        site.put(f"{camera}/{number}.jpg")
        site.work(loop)
        frame: dict[str, Any] = algorithm.received[number].frame
        return frame

    return send


def test_parsed_algo_config_and_its_link_are_sent_with_the_frame(
    site: Installation, send: Send
) -> None:
    config = {"regions": [{"type": "polygon", "points": [[1, 2.5]], "name": "门"}], "x": None}
    site.put(KEY, json.dumps(config, ensure_ascii=False).encode())
    frame = send()
    assert frame["algo_config"] == config
    assert "algo_config.json?" in frame["algo_config_url"]


def test_algo_config_is_not_sent_for_another_camera(site: Installation, send: Send) -> None:
    site.put(KEY, b'{"v": 1}')
    frame = send(f"{TYPE}/门口2")
    # Not null: services in the field call .get() on it.
    assert (frame["algo_config"], frame["algo_config_url"]) == ({}, "")


def test_request_names_a_camera_with_quotes_and_backslashes_as_its_folder(send: Send) -> None:
    camera = 'a"b\\c, \N{GRINNING FACE}门\x7f'
    frame = send(f"{TYPE}/{camera}")
    assert (frame["task_id"], frame["image_path"]) == (camera, f"{TYPE}/{camera}/0.jpg")


def test_change_and_removal_of_algo_config_take_effect(site: Installation, send: Send) -> None:
    for value in (1, 22):
        path = site.put(KEY, json.dumps({"v": value}).encode())
        assert send()["algo_config"] == {"v": value}
    path.unlink()
    frame = send()
    assert (frame["algo_config"], frame["algo_config_url"]) == ({}, "")


def test_algo_config_is_cached_for_two_seconds(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert 0 < algo_config._FRESH_SEC <= 5
    configs = AlgoConfigs(site.runtime)
    site.put(KEY, b'{"v": 1}')
    assert json.loads(configs.get(f"{TYPE}/门口1/1.jpg").json_text) == {"v": 1}
    site.put(KEY, b'{"v": 22}')
    assert json.loads(configs.get(f"{TYPE}/门口1/1.jpg").json_text) == {"v": 1}


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"null",
        b'["v"]',
        b"",
        b'{"v": NaN}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900 + b"]",
        b'"' + b"x" * 1_100_000 + b'"',
    ],
    ids=["cut", "null", "list", "empty", "NaN", "not UTF-8", "deep", "nearly deep", "large"],
)
def test_broken_algo_config_keeps_the_last_valid_config(
    site: Installation, send: Send, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(KEY, b'\xef\xbb\xbf{"v": 1}')  # with a byte order mark, as Windows writes it
    assert send()["algo_config"] == {"v": 1}
    site.put(KEY, broken)
    assert send()["algo_config"] == {"v": 1}
    assert "algo_config" in caplog.text
    site.put(KEY, b'{"v": 3}')
    assert send()["algo_config"] == {"v": 3}


def test_initially_broken_algo_config_is_logged_once_and_left_out(
    site: Installation, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(KEY, b"{")
    for _ in range(3):
        assert send()["algo_config"] == {}
    assert caplog.text.count("algo_config is not a JSON object") == 1


def test_algo_config_of_a_camera_without_frames_for_a_day_is_forgotten(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [1000.0]
    monkeypatch.setattr(algo_config, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    configs = AlgoConfigs(site.runtime)
    for number in range(50):
        configs.get(f"人脸/门口{number}/1.jpg")
    moment[0] += 86_399
    configs.get("人脸/门口0/1.jpg")
    assert len(configs._cached) == 50
    moment[0] += 1
    configs.get("人脸/大门/1.jpg")
    assert set(configs._cached) == {f"人脸/{name}/algo_config.json" for name in ("门口0", "大门")}


def test_hanging_algo_config_read_blocks_only_its_camera(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, back, looks = site.runtime.store, threading.Event(), list[str]()
    version = store.version

    def hangs(key: str) -> str | None:
        if key == KEY:
            looks.append(key)
            back.wait(10)
        return version(key)

    monkeypatch.setattr(store, "version", hangs)
    site.register(algorithm)
    site.put_many(40, camera="门口1")
    others = site.put_many(40, camera="门口2")
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.2)
    wait_until(lambda: site.count("done") == 40, 5, "the other camera's frames")
    assert sorted(algorithm.image_paths) == others
    assert looks == [KEY]
    back.set()
    site.work(loop)
    assert algorithm.count == 80


def test_cancelled_call_leaves_the_read_of_a_camera_to_its_other_calls(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put(KEY, b'{"n": 1}')
    configs, looks = AlgoConfigs(site.runtime), list[str]()
    version = site.runtime.store.version

    def looked(key: str) -> str | None:
        looks.append(key)
        time.sleep(0.1)
        return version(key)

    async def three_calls() -> list[str]:
        calls = [asyncio.create_task(configs.of(f"{CAMERA}/{n}.jpg")) for n in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        return [(await call).json_text for call in calls[1:]]

    monkeypatch.setattr(site.runtime.store, "version", looked)
    assert asyncio.run(three_calls()) == ['{"n": 1}'] * 2
    assert looks == [KEY]


def test_inference_time_excludes_reading_the_algo_config(
    site: Installation, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = site.runtime.store.version

    def slow(key: str) -> str | None:
        if key == KEY:
            time.sleep(1.0)
        return version(key)

    monkeypatch.setattr(site.runtime.store, "version", slow)
    send()
    assert 0 < site.frames()[0]["inference_ms"] < 900
