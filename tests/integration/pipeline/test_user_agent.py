"""Services and servers see the calling version of easyai in the user agent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from easyai.domain.reason import NO_REASON
from easyai.sdk.server_client import ServerClient
from easyai.service_http.probe import probe_all
from easyai.version import version
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation


class Recorder(ThreadingHTTPServer):
    """Answers everything like a service and a server, and records the user agents."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.agents: dict[str, str] = {}  # by path

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.agents[self.path] = self.headers["User-Agent"]
        body = json.dumps({"ok": True, "success": True, "result": {"total_count": 0}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.sqlite_only
def test_user_agent_of_each_call_has_the_version(site: Installation, recorder: Recorder) -> None:
    site.register(AlgorithmStub("stub", port=recorder.server_address[1]))
    site.put(f"{TYPE}/门口1/1.jpg")
    site.work(site.loop())
    assert recorder.agents["/infer"] == f"easyai/{version()}"


def test_user_agent_of_each_probe_has_the_version(recorder: Recorder) -> None:
    assert probe_all({1: f"{recorder.url}/health"}) == {1: NO_REASON}
    assert recorder.agents["/health"] == f"easyai/{version()}"


def test_user_agent_of_the_sdk_has_its_version(recorder: Recorder) -> None:
    client = ServerClient(recorder.url, {"endpoint": "http://127.0.0.1:1/infer"})
    client.register()
    client.close()
    assert recorder.agents["/api/v1/ai_analysis/register"] == f"easyai-sdk/{version()}"
