"""Web pages of other sites cannot operate this server; programs are not affected."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path

import pytest

from easyai.registry import registration
from easyai.registry.views import service_list
from easyai.runtime import Runtime
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi, error_of

CLEAR_ALL = f"{ANALYSIS}/clear_all"
SERVICE = {"service_id": "yolo", "task_types": ["t"], "endpoint": "http://127.0.0.1:9/infer"}


def _ask(
    api: LiveApi, method: str, path: str, *headers: str, body: bytes = b"", http: str = "HTTP/1.1"
) -> tuple[int, bytes]:
    lines = [f"{method} {path} {http}", *headers, f"Content-Length: {len(body)}"]
    status, _, answer = api.raw("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
    return status, answer


@pytest.fixture
def registered(sqlite_api: LiveApi, sqlite_runtime: Runtime) -> LiveApi:
    """The API with a registered service."""
    registration.register(sqlite_runtime, SERVICE)
    return sqlite_api


# Host, the header that reveals the page, and the header that the refusal names.
OTHER_SITES = [
    ("127.0.0.1:{port}", "Origin: http://evil.example", "Origin"),
    ("127.0.0.1:{port}", "Origin: null", "Origin"),
    ("127.0.0.1:{port}", "Origin: http://[", "Origin"),
    ("127.0.0.1:{port}", "Origin: http://127.0.0.1:8080", "Origin"),
    ("127.0.0.1:{port}", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site"),
    ("127.0.0.1:{port}", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site"),
    ("evil.example", "Accept: */*", "Host"),
    ("evil.example:5066", "Origin: http://evil.example:5066", "Host"),
    ("127.0.0.1.evil.example", "Accept: */*", "Host"),
    ("[::1].evil.example", "Accept: */*", "Host"),
    ("127.0.0.1:x@evil.example", "Accept: */*", "Host"),
    ("[::1]:x.evil.example", "Accept: */*", "Host"),
    ("null", "Origin: null", "Origin"),
    (
        "127.0.0.1:{port}",
        "Origin: http://evil.example\r\nOrigin: http://127.0.0.1:{port}",
        "Origin",
    ),
    (
        "127.0.0.1:{port}",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Site: same-origin",
        "Sec-Fetch-Site",
    ),
]
REGISTER = ("POST", f"{ANALYSIS}/register", json.dumps(SERVICE | {"service_id": "x"}).encode())
CALLS = [
    ("POST", CLEAR_ALL, b""),
    ("POST", f"{ALERTS}/batch_delete", b'{"ids": [1]}'),
    REGISTER,
    ("GET", f"{ANALYSIS}/services", b""),
]


def test_request_from_a_page_of_another_site_is_refused(
    registered: LiveApi, sqlite_runtime: Runtime
) -> None:
    for host, header, named in OTHER_SITES:
        calls = [call for call in CALLS if call != REGISTER or not header.startswith("Accept")]
        for method, path, body in calls:
            headers = f"Host: {host}\r\n{header}".format(port=registered.port)
            status, answer = _ask(registered, method, path, headers, body=body)

            assert status == 403, (host, header, path)
            assert error_of(answer).startswith(f"{named}: ")
            assert "allowed_hosts in [easyai]" in error_of(answer)

    found = service_list(sqlite_runtime, everything=True)["services"]
    assert [(service["service_id"], service["state"]) for service in found] == [("yolo", "online")]


def test_program_without_browser_headers_is_accepted(sqlite_api: LiveApi) -> None:
    body = json.dumps(SERVICE).encode()
    for name in ("10.1.2.3:5066", "[::1]:5066", "localhost", "LOCALHOST.:80", "detector_1:5066"):
        host = f"Host: {name}"
        assert _ask(sqlite_api, "POST", f"{ANALYSIS}/register", host, body=body)[0] == 200, name
        assert _ask(sqlite_api, "POST", CLEAR_ALL, host)[0] == 200, name


def test_service_calls_accept_any_host_name_except_from_web_pages(sqlite_api: LiveApi) -> None:
    calls = (
        ("POST", f"{ANALYSIS}/register", json.dumps(SERVICE).encode()),
        ("POST", f"{ANALYSIS}/heartbeat/yolo", b""),
        ("POST", f"{ANALYSIS}/heartbeat/http%3A%2F%2F127.0.0.1%3A9%2Finfer", b"{"),
        ("DELETE", f"{ANALYSIS}/unregister/yolo", b""),
    )
    host = "Host: easyai.factory.example:5066"
    for method, path, body in calls:
        # A page whose host name leads to this server; the browser sends or hides its origin.
        for page in (
            "Origin: http://easyai.factory.example:5066",
            "Origin: null",
            "Sec-Fetch-Site: same-origin",
        ):
            assert _ask(sqlite_api, method, path, host, page, body=body)[0] == 403, (path, page)
        assert _ask(sqlite_api, method, path, host, body=body)[0] == 200, path
    assert _ask(sqlite_api, "GET", f"{ANALYSIS}/register", host)[0] == 403


def test_http_1_0_client_needs_no_host_header(sqlite_api: LiveApi) -> None:
    assert _ask(sqlite_api, "GET", f"{ANALYSIS}/services", http="HTTP/1.0")[0] == 200


def test_host_name_of_this_machine_is_allowed(
    sqlite_api: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Box7.example.com")
    assert _ask(sqlite_api, "GET", "/healthz", "Host: box7.example.com:5066")[0] == 200
    assert _ask(sqlite_api, "GET", "/healthz", "Host: box8.example.com:5066")[0] == 403


def test_request_from_a_page_of_this_server_is_accepted(registered: LiveApi) -> None:
    for origin, host in (
        (f"http://127.0.0.1:{registered.port}", f"127.0.0.1:{registered.port}"),
        ("https://easyai", "easyai"),  # behind a proxy that ends TLS
    ):
        headers = (f"Host: {host}", f"Origin: {origin}", "Sec-Fetch-Site: same-origin")
        assert _ask(registered, "POST", CLEAR_ALL, *headers)[0] == 200


def test_navigation_from_another_site_may_open_a_page_only(sqlite_api: LiveApi) -> None:
    link = ("Host: 127.0.0.1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")
    assert _ask(sqlite_api, "GET", "/docs", *link, "Sec-Fetch-Dest: document")[0] == 200
    assert _ask(sqlite_api, "GET", "/docs", *link, "Sec-Fetch-Dest: iframe")[0] == 403
    assert _ask(sqlite_api, "POST", CLEAR_ALL, *link, "Sec-Fetch-Dest: document")[0] == 403


def test_signed_picture_link_works_from_any_page_and_host(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    (folder / "t" / "c").mkdir(parents=True)
    (folder / "t" / "c" / "a.jpg").write_bytes(b"picture")
    link = sqlite_runtime.store.url("t/c/a.jpg", 3600)
    target = link[link.index("/api/v1/") :]
    page = ("Host: proxy.example.com", "Origin: http://pages.example", "Sec-Fetch-Site: cross-site")

    assert _ask(sqlite_api, "GET", target, *page) == (200, b"picture")
    assert _ask(sqlite_api, "GET", target.replace("signature=", "signature=0"), *page)[0] == 403


def test_allowed_hosts_and_public_url_are_accepted_as_hosts(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EASYAI_ALLOWED_HOSTS", '["box.example.com", "*.corp.example"]')
    monkeypatch.setenv("EASYAI_PUBLIC_URL", "https://Ai.example.org:8443")
    monkeypatch.setenv("EASYAI_HOST", "own.lan.example")
    api: LiveApi = request.getfixturevalue("sqlite_api")

    names = ("BOX.example.com:5066", "a.b.corp.example", "ai.example.org", "own.lan.example")
    for host in names:
        assert _ask(api, "POST", CLEAR_ALL, f"Host: {host}")[0] == 200, host
    for host in ("a.box.example.com", "corp.example", "xcorp.example"):
        assert _ask(api, "POST", CLEAR_ALL, f"Host: {host}")[0] == 403, host
    # A proxy that forwards requests with another Host.
    for origin, status in (
        ("https://ai.example.org:8443", 200),
        ("https://ai.example.org", 403),
        ("http://box.example.com", 200),
        ("http://evil.example", 403),
    ):
        assert _ask(api, "POST", CLEAR_ALL, "Host: 127.0.0.1", f"Origin: {origin}")[0] == status


def test_refused_requests_are_logged_once_a_minute(
    sqlite_api: LiveApi, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        _ask(sqlite_api, "POST", CLEAR_ALL, "Host: services.example.com")

    refused = [
        record.message for record in caplog.records if record.message.startswith("request refused")
    ]
    assert len(refused) == 1
    assert "client=127.0.0.1" in refused[0]
    assert "services.example.com" in refused[0]
    assert [record.levelno for record in caplog.records if record.message in refused] == [
        logging.WARNING
    ]
