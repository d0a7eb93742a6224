"""Addresses are judged at the registration and again at each connection, passwords are hidden."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from easyai.diagnosis.contents import diagnose
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.reason import NO_REASON
from easyai.errors import BadRequestError
from easyai.masking import HIDDEN
from easyai.messages.catalogue import text
from easyai.registry import registration, unregistration
from easyai.registry.views import load_analysis, load_balance, service_list
from easyai.service_http import service_networks as module
from easyai.service_http.probe import probe_all
from easyai.service_http.service_networks import service_networks
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

SECRET = "geheim-und-lang"


def _register(site: Installation, endpoint: str, **extra: Any) -> None:
    body = {"service_id": "stub", "task_types": [TYPE], "endpoint": endpoint}
    registration.register(site.runtime, body | extra)


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("http://169.254.169.254/latest/meta-data", "never called"),
        ("http://127.0.0.1:5066/api/v1/ai_analysis/clear_all", "this server itself"),
        ("http://0.0.0.0:5066/", "this server itself"),
        ("http://203.0.113.7/infer", "not in service_networks"),
    ],
)
def test_address_outside_the_allowed_networks_cannot_register(
    site: Installation, endpoint: str, why: str
) -> None:
    with pytest.raises(BadRequestError, match=f"^endpoint: .*{why}"):
        _register(site, endpoint)
    with pytest.raises(BadRequestError, match=f"^health_url: .*{why}"):
        _register(site, "http://127.0.0.1:7901/infer", health_url=endpoint)
    assert service_list(site.runtime)["total"] == 0


def _pump(site: Installation) -> None:
    site.scan()
    site.loop().pump(TYPE, 3.0)


def test_name_that_resolves_outside_the_allowed_networks_is_not_called(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(service_networks=["10.0.0.0/8"])
    monkeypatch.setattr(module, "resolve", lambda _name: ["10.0.0.7"])  # at the registration
    endpoint = algorithm.endpoint.replace("127.0.0.1", "localhost")
    _register(site, endpoint)
    site.put_many(1)
    _pump(site)
    (frame,) = site.frames()
    assert frame["reason"].startswith("cannot connect: ")
    assert "is not in service_networks" in frame["reason"]
    assert frame["state"] == "pending"
    url = endpoint.replace("/infer", "/health")
    networks = service_networks(site.runtime.settings)
    assert "is not in service_networks" in text(probe_all({1: url}, networks)[1])
    assert (algorithm.count, algorithm.health_checks) == (0, 0)
    assert probe_all({1: url}, networks, ours=(1,)) == {1: NO_REASON}
    site.configure(service_networks=["127.0.0.0/8", "::1"])  # in force at once
    site.execute("UPDATE frames SET due_at = 0")
    site.execute("UPDATE services SET breaker_open_until = 0")
    _pump(site)
    assert algorithm.count == 1


def test_sweep_and_diagnosis_probe_no_forbidden_address(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(service_networks=["10.0.0.0/8"])
    monkeypatch.setattr(module, "resolve", lambda _name: ["10.0.0.7"])
    _register(site, algorithm.endpoint.replace("127.0.0.1", "localhost"))
    site.execute("UPDATE services SET last_heartbeat = 1, last_evidence = 1")
    for _ in range(2):
        sweep(site.runtime)
    output = _everything(site, "is not in service_networks")
    assert "is not in service_networks" in output
    assert algorithm.health_checks == 0
    site.configure(service_networks=["127.0.0.0/8", "::1"])
    site.execute("UPDATE services SET next_probe_at = 0")
    sweep(site.runtime)
    assert algorithm.health_checks == 1


@pytest.mark.parametrize("refused_first", [True, False])
def test_only_the_allowed_addresses_of_a_name_are_called(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    refused_first: bool,
) -> None:
    addresses = ["169.254.169.254", "127.0.0.1"]
    monkeypatch.setattr(module, "resolve", lambda _name: addresses)

    async def resolve(_self: object, host: str, port: int, family: int) -> list[dict[str, Any]]:
        found = addresses if refused_first else reversed(addresses)
        how = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [how | {"host": address} for address in found]

    monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", resolve)
    endpoint = algorithm.endpoint.replace("127.0.0.1", "detector.test")
    _register(site, endpoint)
    site.put_many(1)
    site.work(site.loop())
    assert algorithm.count == 1
    url = endpoint.replace("/infer", "/health")
    assert probe_all({1: url}, service_networks(site.runtime.settings)) == {1: NO_REASON}


class _Algorithm(ThreadingHTTPServer):
    """Notes each request with its Authorization; redirects requests for /there."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Algorithm

    def do_GET(self) -> None:
        self._note(b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._note(b'{"success": true, "result": {"total_count": 1}}')

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _note(self, body: bytes) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(302 if self.path.startswith("/there") else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[_Algorithm]:
    with _Algorithm() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_redirects_are_not_followed(site: Installation, server: _Algorithm) -> None:
    endpoint = f"http://127.0.0.1:{server.server_port}/there"
    _register(site, endpoint)
    site.put_many(1)
    _pump(site)
    assert "redirects are not followed" in site.frames()[0]["reason"]
    assert probe_all({1: endpoint}, service_networks(site.runtime.settings)) == {1: NO_REASON}
    assert {path for path, _ in server.seen} == {"/there"}


@pytest.mark.parametrize("user", ["user", "user@site.example"])
def test_a_password_is_used_for_the_call_and_shown_nowhere(
    site: Installation, server: _Algorithm, user: str
) -> None:
    shown = f"http://{user}:{HIDDEN}@127.0.0.1:{server.server_port}"
    endpoint = shown.replace(HIDDEN, SECRET) + "/infer"
    _register(site, endpoint, health_url=endpoint)
    _register(site, endpoint, health_url=endpoint, service_id="other")  # taken over
    site.put_many(1)
    _pump(site)
    basic = "Basic " + b64encode(f"{user}:{SECRET}".encode()).decode()
    assert server.seen[0] == ("/infer", basic)
    server.seen.clear()
    site.execute("UPDATE services SET last_heartbeat = 1, last_evidence = 1")
    sweep(site.runtime)
    assert server.seen[0] == ("/infer", basic)
    site.execute(
        "UPDATE services SET state = 'offline', state_reason = :why, state_reason_code = NULL",
        why=endpoint,
    )
    output = _everything(site)
    assert SECRET not in output
    assert f"{shown}/infer" in output
    assert unregistration.unregister(site.runtime, f"{shown}/infer") == 1
    with pytest.raises(BadRequestError, match=r"^endpoint: put its password"):
        _register(site, f"{shown}/infer")


def test_a_token_in_the_query_is_used_for_the_call_and_shown_nowhere(
    site: Installation, server: _Algorithm
) -> None:
    endpoint = f"http://127.0.0.1:{server.server_port}/infer?camera=a&access_token={SECRET}"
    _register(site, endpoint)
    site.put_many(1)
    _pump(site)
    assert server.seen[0][0].endswith(f"access_token={SECRET}")
    shown = endpoint.replace(SECRET, HIDDEN)
    output = _everything(site)
    assert SECRET not in output
    assert shown in output
    assert unregistration.unregister(site.runtime, shown) == 1


def _everything(site: Installation, probed: str = "") -> str:
    """The services and events as people see them."""
    runtime = site.runtime
    found = diagnose(runtime)
    assert found.facts.probes is not None
    (answer,) = found.facts.probes.values()
    assert probed in text(answer) if probed else not answer
    seen = [
        service_list(runtime, everything=True),
        load_balance(runtime),
        load_analysis(runtime),
        repr(found.facts),
        [as_json(found, lang) for lang in ("en", "zh")],
        [markdown(found, lang) for lang in ("en", "zh")],
        site.rows("SELECT * FROM events"),
    ]
    return json.dumps(seen, default=str)


@pytest.mark.parametrize(
    ("endpoint", "helps"),
    [
        ("http://169.254.169.254/", False),
        ("http://127.0.0.1:5066/", False),
        ("http://203.0.113.7:1/infer", True),
    ],
)
def test_remedy_to_add_a_network_is_given_only_where_it_helps(
    site: Installation, endpoint: str, helps: bool
) -> None:
    with pytest.raises(BadRequestError) as refused:
        _register(site, endpoint)
    assert ("or add its network" in str(refused.value)) is helps
