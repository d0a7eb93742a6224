"""The options of a service: a mistake is named before anything starts."""

from typing import Any

import pytest

from easyai.sdk import Service
from easyai.sdk.settings import ServiceSettings


def settings(**changes: Any) -> ServiceSettings:
    """The settings of a plain service with changes."""
    options = {"service_id": "demo", "task_types": ["人数统计"], **changes}
    return Service(lambda picture: [], **options).settings


_WRONG_OPTIONS: list[tuple[str, Any]] = [
    ("service_id", " "),
    ("task_types", []),
    ("task_types", "人数统计"),
    ("task_types", [""]),
    ("port", 70000),
    ("max_concurrency", 0),
    ("heartbeat_interval_sec", 0),
    ("download_timeout_sec", -1),
    ("max_picture_bytes", 0),
    ("max_picture_pixels", 0),
    ("server", "127.0.0.1:5066"),
    ("advertise", "http://192.168.1.20"),
    ("advertise", ""),
]


def test_a_wrong_option_is_named(subtests: pytest.Subtests) -> None:
    for option, value in _WRONG_OPTIONS:
        with subtests.test(option=option), pytest.raises(ValueError, match=option):
            settings(**{option: value})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_unreachable_address_needs_advertise(host: str) -> None:
    with pytest.raises(ValueError, match="advertise is needed"):
        settings(host=host)
    settings(host=host, advertise="camera-box")


@pytest.mark.parametrize(
    ("host", "advertise", "endpoint"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:9001/infer"),
        ("::1", None, "http://[::1]:9001/infer"),
        ("0.0.0.0", "192.168.1.20", "http://192.168.1.20:9001/infer"),
        ("0.0.0.0", "box.local:80", "http://box.local:80/infer"),
        ("0.0.0.0", "[fe80::1]", "http://[fe80::1]:9001/infer"),
        ("0.0.0.0", "[fe80::1]:80", "http://[fe80::1]:80/infer"),
    ],
)
def test_the_endpoint_is_where_the_server_reaches_the_service(
    host: str, advertise: str | None, endpoint: str
) -> None:
    assert settings(host=host, advertise=advertise).endpoint(9001) == endpoint


def test_a_service_that_reports_rarely_asks_for_a_longer_timeout() -> None:
    assert "heartbeat_timeout_sec" not in settings().registration(1)
    assert settings(heartbeat_interval_sec=300).registration(1)["heartbeat_timeout_sec"] == 600
