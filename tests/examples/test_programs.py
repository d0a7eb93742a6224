"""The examples as programs: they register, hold the contract and stop cleanly."""

import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from easyai.sdk.check import Bench, run
from easyai.sdk.check.picture_host import PictureHost
from easyai.sdk.check.sample import SAMPLE_JPEG
from easyai.sdk.image_header import image_size
from examples.plain_service import FrameError, picture_size
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.unit.sdk.fake_easyai_server import FakeEasyaiServer

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "people_counter": "人数统计",
    "face_counter": "人脸检测",
    "plain_service": "人数统计",
}


@contextmanager
def running(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """An example as a user starts it, stopped at the end."""
    process = subprocess.Popen(
        [sys.executable, f"examples/{name}.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("name", "task_type"), PROGRAMS.items())
def test_example_registers_holds_the_contract_and_unregisters(name: str, task_type: str) -> None:
    with FakeEasyaiServer() as server, PictureHost(SAMPLE_JPEG) as pictures:
        with running(name, "--server", server.url, "--service-id", "mine"):
            wait_until(lambda: server.services, what=f"{name} registered")
            ((endpoint, registration),) = server.services.items()
            report = run(Bench(endpoint, pictures, image_size(SAMPLE_JPEG), task_type=task_type))
        assert report.ok, report.as_text()
        assert registration["service_id"] == "mine"
        assert registration["task_types"] == [task_type]
        assert server.services == {}


@pytest.mark.parametrize("name", PROGRAMS)
def test_example_has_help_with_its_options(name: str) -> None:
    done = subprocess.run(
        [sys.executable, f"examples/{name}.py", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    for option in ("--server", "--port", "--service-id", "--task-type"):
        assert option in done.stdout


def test_the_plain_service_needs_the_standard_library_alone() -> None:
    text = (ROOT / "examples" / "plain_service.py").read_text("utf-8")
    for module in re.findall(r"^(?:import|from) ([\w]+)", text, re.MULTILINE):
        assert module in sys.stdlib_module_names


def test_the_plain_service_registers_when_the_server_comes_and_after_it_forgot() -> None:
    port = free_port()
    options = ("--server", f"http://127.0.0.1:{port}", "--heartbeat-sec", "0.1")
    with running("plain_service", *options):
        with FakeEasyaiServer(port) as server:
            server.wait_for("heartbeat", 1)
            server.forget()
            server.wait_for("register", 2)
            heartbeats = len(server.bodies("heartbeat"))
            last = server.wait_for("heartbeat", heartbeats + 1)[-1]
        assert last["total_requests"] == 0


@pytest.mark.parametrize(("min_bytes", "count"), [(1, 1), (1_000_000, 0)])
def test_the_plain_service_counts_large_files(min_bytes: int, count: int) -> None:
    with (
        FakeEasyaiServer() as server,
        PictureHost(SAMPLE_JPEG) as pictures,
        running("plain_service", "--server", server.url, "--min-bytes", str(min_bytes)),
    ):
        wait_until(lambda: server.services, what="registered")
        (endpoint,) = server.services
        body = {"image_url": pictures.url("good", "a.jpg")}
        result = requests.post(endpoint, json=body, timeout=10).json()["result"]
    assert result["total_count"] == count
    assert [each["bbox"] for each in result["objects"]] == [[0, 0, 160, 120]] * count


def test_plain_service_reads_picture_sizes_and_refuses_other_files() -> None:
    assert picture_size(SAMPLE_JPEG) == (160, 120)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 7, 9)
    assert picture_size(png) == (7, 9)
    for content in (b"", b"text", SAMPLE_JPEG[:3], SAMPLE_JPEG[:50], png[:20], b"\xff\xd8\xff\xd9"):
        with pytest.raises(FrameError):
            picture_size(content)
