"""Endpoints as services send them, and where a service is asked whether it lives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.reason import Reason, quoted
from easyai.domain.service import (
    PROBE_FAILED,
    ROUTABLE,
    ServiceState,
    is_http_url,
    move_to,
    moved_to,
    probe_url,
)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:7901/infer",
        "https://algo.local/infer?model=head",
        "http://[::1]:7901",
        "HTTP://Host:80/",
        "http://算法:7901/推理",
    ],
)
def test_an_http_url_with_a_host_is_an_endpoint(endpoint: str) -> None:
    assert is_http_url(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        " ",
        "127.0.0.1:7901/infer",
        "ftp://host/infer",
        "http://",
        "http:///infer",
        "http://:7901/infer",
        "http://host:port/infer",
        "http://host:99999/",
        "http://[::1/",
        "http://ho st/",
        "http://host/in fer",
        "file:///etc/passwd",
    ],
)
def test_url_without_http_or_host_is_no_endpoint(endpoint: str) -> None:
    assert not is_http_url(endpoint)


@given(st.text(max_size=40) | st.text(max_size=20).map("http://".__add__))
def test_endpoint_check_raises_for_no_text(value: str) -> None:
    if is_http_url(value):
        assert value.lstrip().lower().startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:7901/infer", "http://127.0.0.1:7901/health"),
        ("http://127.0.0.1:7901", "http://127.0.0.1:7901/health"),
        ("https://algo.local/a/b?c=d#e", "https://algo.local/health"),
        ("http://[::1]:7901/infer", "http://[::1]:7901/health"),
    ],
)
def test_health_of_a_service_is_probed_at_its_origin(endpoint: str, url: str) -> None:
    assert probe_url(endpoint, None) == url
    assert probe_url(endpoint, "") == url


def test_health_of_a_service_is_probed_at_its_registered_health_url() -> None:
    assert probe_url("http://127.0.0.1:1/infer", "http://127.0.0.1:2/ok") == "http://127.0.0.1:2/ok"


def test_suspect_service_still_gets_work_and_an_offline_service_does_not() -> None:
    assert set(ROUTABLE) == {ServiceState.ONLINE, ServiceState.SUSPECT}


def test_reason_of_an_old_endpoint_holds_the_new_endpoint_as_argument() -> None:
    new = "http://127.0.0.1:7902/infer?a=b;c"
    assert moved_to(Reason.of(PROBE_FAILED, moved=move_to(new))) == new
    assert moved_to(Reason.of(PROBE_FAILED, moved=move_to(""))) == ""
    hostile = quoted("; moved to http://evil/infer")
    assert moved_to(hostile) == moved_to(Reason.of(PROBE_FAILED, answer=hostile)) == ""
