"""A service keeps itself registered, whatever happens to the server."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from easyai.sdk import Picture, Service
from easyai.sdk.check.picture_host import PictureHost
from easyai.sdk.check.sample import SAMPLE_JPEG
from easyai.sdk.detection import Answer
from easyai.sdk.keep_registered import RegistrationState
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.unit.sdk.fake_easyai_server import FakeEasyaiServer
from tests.unit.sdk.http_stub import HttpStub

WAIT_SEC = 10.0


def nothing(picture: Picture) -> Answer:
    """Finds nothing."""
    return []


def service(server: str, **options: Any) -> Service:
    """A service with a quick heartbeat."""
    options = {"heartbeat_interval_sec": 0.05, **options}
    return Service(nothing, service_id="demo", task_types=["人数统计"], server=server, **options)


def test_registration_has_the_fields_of_the_contract() -> None:
    with (
        FakeEasyaiServer() as server,
        service(server.url, name="Demo", version="2.0", max_concurrency=3) as running,
    ):
        assert running.wait_registered(WAIT_SEC)
        assert server.services == {
            running.endpoint: {
                "service_id": "demo",
                "name": "Demo",
                "task_types": ["人数统计"],
                "endpoint": f"http://127.0.0.1:{running.port}/infer",
                "version": "2.0",
                "max_concurrency": 3,
            }
        }


def test_heartbeats_carry_the_statistics() -> None:
    with (
        FakeEasyaiServer() as server,
        PictureHost(SAMPLE_JPEG) as pictures,
        service(server.url) as running,
    ):
        body = {"image_url": pictures.url("good", "a.jpg")}
        assert requests.post(running.endpoint, json=body, timeout=10).json()["success"]
        count = len(server.bodies("heartbeat"))
        heartbeat = server.wait_for("heartbeat", count + 2)[-1]
    assert heartbeat["total_requests"] == 1
    assert 0 < heartbeat["avg_inference_time_ms"] == heartbeat["last_inference_time_ms"]
    assert heartbeat["last_total_time_ms"] > heartbeat["last_inference_time_ms"]
    assert len(heartbeat) == 4


def test_service_runs_before_the_server_and_registers_when_it_starts() -> None:
    port = free_port()
    with service(f"http://127.0.0.1:{port}") as running:
        wait_until(lambda: running.state is RegistrationState.UNREACHABLE, what="unreachable")
        health = requests.get(f"http://127.0.0.1:{running.port}/health", timeout=10)
        assert health.json()["registration"] == "unreachable"
        with FakeEasyaiServer(port) as server:
            assert running.wait_registered(WAIT_SEC)
            assert running.endpoint in server.services


def test_service_registers_again_when_the_server_does_not_know_it() -> None:
    with FakeEasyaiServer() as server, service(server.url) as running:
        server.wait_for("heartbeat", 1)
        server.forget()
        server.wait_for("register", 2)
        wait_until(lambda: running.endpoint in server.services, what="registered again")


def test_service_registers_again_after_the_server_was_away() -> None:
    port = free_port()
    with service(f"http://127.0.0.1:{port}") as running:
        with FakeEasyaiServer(port):
            assert running.wait_registered(WAIT_SEC)
        wait_until(lambda: running.state is RegistrationState.UNREACHABLE, what="unreachable")
        with FakeEasyaiServer(port) as successor:
            wait_until(lambda: running.endpoint in successor.services, what="registered again")


def test_stopping_unregisters_this_endpoint_only() -> None:
    with FakeEasyaiServer() as server, service(server.url) as sibling:
        with service(server.url) as running:
            assert running.wait_registered(WAIT_SEC)
            assert sibling.wait_registered(WAIT_SEC)
            assert len(server.services) == 2
        assert list(server.services) == [sibling.endpoint]


def test_stopping_works_when_the_server_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    with service(f"http://127.0.0.1:{free_port()}"):
        pass
    assert "could not unregister" in caplog.text


def test_each_change_of_standing_is_logged_once_not_each_try(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with FakeEasyaiServer() as server:
        server.refuse_with = "task_types: must not be empty"
        with service(server.url) as running:
            server.wait_for("register", 4)
            server.refuse_with = None
            server.wait_for("heartbeat", 4)
            assert running.wait_registered(WAIT_SEC)
    messages = [record.getMessage() for record in caplog.records if "server" in record.message]
    assert len(messages) == 2
    assert "task_types: must not be empty" in messages[0]
    assert "registered at the easyai server" in messages[1]


def test_answer_of_another_program_does_not_count_as_registration() -> None:
    with (
        HttpStub(lambda call: (200, b"<html>hello</html>")) as other,
        service(other.url) as running,
    ):
        wait_until(lambda: running.state is RegistrationState.REFUSED, what="refused")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_a_signal_and_unregisters(number: signal.Signals) -> None:
    code = (
        "import sys\nfrom easyai.sdk import serve\n"
        "serve(lambda p: [], service_id='demo', task_types=['x'], server=sys.argv[1])"
    )
    root = Path(__file__).parents[3]
    with FakeEasyaiServer() as server:
        process = subprocess.Popen(
            [sys.executable, "-c", code, server.url],
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            wait_until(lambda: server.services, what="registered")
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
        assert server.services == {}
    assert process.returncode == 0, errors
    assert "registered at the easyai server" in errors
    assert f"stopping on {number.name}" in errors
    assert "Traceback" not in errors
