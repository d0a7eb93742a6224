"""The gateways of docs/gateways, tried with the real programs; ``make services`` installs them."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.gateway import CADDY, NGINX, Gateway
from tests.support.jpeg import jpeg
from tests.support.needs import program
from tests.support.outside import Outside
from tests.support.ports import HeldPort
from tests.support.waiting import wait_until

_DOCS = Path(__file__).parents[2] / "docs"
_CONFIGURATIONS = {NGINX: "nginx.conf", CADDY: "Caddyfile"}
_TYPE = "网关计数"


class _EasyDarwin(BaseHTTPRequestHandler):
    """Its pages: they answer with the path that was asked for."""

    def do_GET(self) -> None:
        body = f"easydarwin {self.path}".encode()
        self.send_response(200)
        self.send_header("Asked-Host", self.headers["Host"])
        self.send_header("Asked-From", self.headers.get("X-Forwarded-For", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@pytest.fixture(scope="module", params=_CONFIGURATIONS)
def gateway(request: pytest.FixtureRequest, running: EasyaiProcess) -> Iterator[str]:
    """The URL of a gateway before an EasyDarwin and the running easyai."""
    held = HeldPort()
    pages = ThreadingHTTPServer(("127.0.0.1", held.number), _EasyDarwin)
    threading.Thread(target=pages.serve_forever, name="easydarwin").start()
    text = (_DOCS / "gateways" / _CONFIGURATIONS[request.param]).read_text(encoding="utf-8")
    ports = {"15066": str(held.number), "5067": str(running.port), "5066": "{port}"}
    try:
        with Gateway(request.param, text, ports) as started:
            yield f"http://127.0.0.1:{started.port}"
    finally:
        pages.shutdown()
        pages.server_close()
        held.release()


def test_pages_and_other_calls_of_easydarwin_go_to_easydarwin(gateway: str) -> None:
    for path in ("/", "/index.html", "/api/v1/login", "/api/v1/frame_extractor/tasks"):
        assert requests.get(gateway + path, timeout=10).text == f"easydarwin {path}"


def test_easydarwin_receives_the_host_that_the_browser_requested(gateway: str) -> None:
    """It writes that address into the addresses of its streams."""
    headers = requests.get(f"{gateway}/api/v1/live/info", timeout=10).headers
    assert (headers["Asked-Host"], headers["Asked-From"]) == (urlsplit(gateway).netloc, "127.0.0.1")


def test_a_field_client_registers_and_is_sent_pictures_through_the_gateway(
    gateway: str, site: Outside
) -> None:
    through = Outside(gateway, site.frames)
    with AlgorithmStub("gateway", (_TYPE,), answer=lambda _: detections(1)) as stub:
        stub.register(gateway)
        by_endpoint = f"/api/v1/ai_analysis/heartbeat/{quote(stub.endpoint, safe='')}"
        assert requests.post(gateway + by_endpoint, timeout=10).json() == {"ok": True}
        assert through.heartbeat("gateway").json() == {"ok": True}
        assert "gateway" in through.in_use()
        known = site.alert_count(_TYPE)
        site.put(f"{_TYPE}/门口2/{known}.jpg", jpeg(known))
        wait_until(lambda: through.alert_count(_TYPE) == known + 1, 40, "its alert")
        alert = through.alerts(_TYPE)[-1]
        link = urlsplit(alert["image_url"])
        picture = requests.get(f"{gateway}{link.path}?{link.query}", timeout=10)
        assert picture.content == jpeg(known)
        stub.unregister(gateway)


def test_dashboard_lies_below_a_path_of_its_own_with_its_live_data(gateway: str) -> None:
    page = requests.get(f"{gateway}/easyai", timeout=10)
    assert page.url == f"{gateway}/easyai/"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    script = requests.get(f"{gateway}/easyai/static/vendor/preact-htm.js", timeout=10)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    state = requests.get(f"{gateway}/easyai/api/v1/session", timeout=10).json()
    assert (state["local"], state["role"]) == (False, "viewer")
    url = f"ws{gateway.removeprefix('http')}/easyai/api/v1/live"
    with connect(url, origin=Origin(gateway), proxy=None) as socket:
        assert json.loads(socket.recv(timeout=10))["kind"] == "state"
    with pytest.raises(InvalidStatus), connect(url, origin=Origin("http://a.example"), proxy=None):
        pass


def test_request_through_the_gateway_does_not_count_as_local(gateway: str) -> None:
    refused = requests.post(f"{gateway}/api/v1/ai_analysis/clear_all", timeout=10)
    assert refused.status_code == 403
    assert "operator" in refused.json()["error"]


@pytest.mark.parametrize("page", ["gateways/nginx.conf", "tls.md"])
def test_every_documented_nginx_forwards_the_client_address(page: str) -> None:
    text = (_DOCS / page).read_text(encoding="utf-8")
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in text


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/alerts?task_type={_TYPE}&page_size=1",
        "/api/v1/alerts/",
        f"/api/v1/ai_analysis/services/stats/{_TYPE}",
        "/api/v1/ai_analysis/services/?state=all",
        "/api/v1/ai_analysis/heartbeat/http%3A%2F%2F127.0.0.1%3A9%2Finfer",
    ],
)
def test_gateway_forwards_the_request_line_unchanged(
    path: str, gateway: str, site: Outside
) -> None:
    assert _asked(gateway + path) == _asked(site.url + path)


def test_gateway_leaves_the_path_behind_the_dashboard_unchanged(
    gateway: str, site: Outside
) -> None:
    path = "/api/v1/ai_analysis/heartbeat/http%3A%2F%2F127.0.0.1%3A9%2Finfer"
    assert _asked(f"{gateway}/easyai{path}") == _asked(site.url + path)


def _asked(url: str) -> str:
    """By curl, which sends Chinese characters as they are."""
    command = [program("curl", "curl"), "-sS", "-m", "10", "-w", " %{http_code}", url]
    answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    answer = re.sub("http://[^/]+/", "http://…/", answer)  # links may start as the reader asked
    return re.sub(r'(_sec":)[0-9.]+', r"\1…", answer)  # ages: time passes between two requests
