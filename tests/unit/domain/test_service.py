"""Endpoints as services send them, and where a service is asked whether it lives."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.service import ROUTABLE, ServiceState, moved_to, probe_url, with_move
from easyai.errors import BadRequestError
from easyai.registry.payload import check_endpoint


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
    assert check_endpoint(endpoint) == endpoint
    assert check_endpoint(f"  {endpoint}\n") == endpoint


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
def test_anything_else_is_refused_naming_field_and_remedy(endpoint: str) -> None:
    with pytest.raises(BadRequestError, match=r"^endpoint: .*send for example http://"):
        check_endpoint(endpoint)


@given(st.text(max_size=40) | st.text(max_size=20).map("http://".__add__))
def test_no_text_makes_the_check_fail_in_any_other_way(value: str) -> None:
    with suppress(BadRequestError):
        assert check_endpoint(value).lower().startswith(("http://", "https://"))


def test_an_endless_endpoint_is_not_repeated_in_full() -> None:
    with pytest.raises(BadRequestError) as caught:
        check_endpoint("x" * 100_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:7901/infer", "http://127.0.0.1:7901/health"),
        ("http://127.0.0.1:7901", "http://127.0.0.1:7901/health"),
        ("https://algo.local/a/b?c=d#e", "https://algo.local/health"),
        ("http://[::1]:7901/infer", "http://[::1]:7901/health"),
    ],
)
def test_a_service_is_asked_for_its_health_at_its_origin(endpoint: str, url: str) -> None:
    assert probe_url(endpoint, None) == url
    assert probe_url(endpoint, "") == url


def test_a_service_that_names_its_health_url_is_asked_there() -> None:
    assert probe_url("http://127.0.0.1:1/infer", "http://127.0.0.1:2/ok") == "http://127.0.0.1:2/ok"


def test_a_suspect_service_is_still_given_work_and_an_offline_one_is_not() -> None:
    assert set(ROUTABLE) == {ServiceState.ONLINE, ServiceState.SUSPECT}


@pytest.mark.parametrize("reason", ["probe failed: Connection refused", "; moved to a shed", ""])
def test_where_a_service_moved_is_read_from_the_reason_of_its_old_endpoint(reason: str) -> None:
    new = "http://127.0.0.1:7902/infer?a=b;c"
    assert moved_to(with_move(reason, new)) == new
    assert with_move(reason, "") == reason
    assert moved_to("probe failed: Connection refused") == ""
