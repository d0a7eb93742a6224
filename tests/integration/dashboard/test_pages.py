"""The page and its files over HTTP: content, headers, and what is loaded again."""

from __future__ import annotations

import requests

from easyai.dashboard.static_files import STATIC
from tests.integration.api.live import LiveApi

_SCRIPT = "/static/vendor/uPlot.iife.min.js"


def test_page_lies_at_the_root_with_a_strict_policy(pages: LiveApi) -> None:
    answer = pages.call("GET", "/")
    assert answer.status_code == 200
    assert answer.content == (STATIC / "index.html").read_bytes()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"].split("; ")
    host = f"127.0.0.1:{pages.port}"
    assert policy == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        f"connect-src 'self' ws://{host} wss://{host}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_host_that_is_no_host_name_stays_out_of_the_policy(pages: LiveApi) -> None:
    status, headers, _ = pages.raw(b"GET / HTTP/1.1\r\nHost: a;b'c\r\nConnection: close\r\n\r\n")
    assert status == 200
    assert "connect-src 'self';" in headers["content-security-policy"]


def test_file_is_compressed_for_clients_that_take_gzip(pages: LiveApi) -> None:
    plain = (STATIC / "vendor" / "uPlot.iife.min.js").read_bytes()
    packed = pages.call("GET", _SCRIPT, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain) / 2
    assert packed.content == plain
    as_it_is = pages.call("GET", _SCRIPT, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in as_it_is.headers
    assert as_it_is.content == plain
    assert packed.headers["etag"] == as_it_is.headers["etag"]


def test_file_that_the_browser_has_is_not_sent_again(pages: LiveApi) -> None:
    tag = pages.call("GET", _SCRIPT).headers["etag"]
    for tags in (tag, f'"other", {tag}', "*"):
        again = pages.call("GET", _SCRIPT, headers={"If-None-Match": tags})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-cache"
    assert pages.call("GET", _SCRIPT, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_has_the_headers_without_the_body(pages: LiveApi) -> None:
    answer = pages.call("HEAD", "/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == pages.call("GET", "/").headers["etag"]


def test_missing_file_and_file_outside_the_folder_are_unknown_paths(pages: LiveApi) -> None:
    for path in ("/static/missing.js", "/static/", "/static/%2e%2e/dashboard_app.py", "/pages"):
        assert "no such path" in pages.error(404, "GET", path)
    assert "only GET, HEAD" in pages.error(405, "POST", "/")


def test_api_and_its_documents_stay_where_they_are(pages: LiveApi) -> None:
    assert pages.get("/healthz") == {"status": "ok"}
    assert requests.get(f"{pages.url}/docs", timeout=10).status_code == 200
    assert not [path for path in pages.get("/openapi.json")["paths"] if "static" in path]
