"""Whether services can open the picture links."""

from __future__ import annotations

from typing import Any

import pytest

from easyai.cli.link_warnings import link_warnings
from easyai.messages.catalogue import text
from easyai.settings.schema import Settings
from easyai.settings.source import load
from tests.support.installation import Installation

# Documentation's addresses (RFC 5737, 3849): no machine has them.
FAR4 = "http://192.0.2.7:7901/infer"
FAR6 = "http://[2001:db8::7]:7901/infer"
HERE = "http://127.0.0.1:7901/infer"
HERE6 = "http://[::1]:7901/infer"
NAMED = "http://gpu-box:7901/infer"


def _warnings(own: dict[str, Any], *endpoints: str) -> str:
    found = link_warnings(Settings.model_validate({"easyai": own}), endpoints)
    return "\n".join(map(text, found))


@pytest.mark.parametrize(
    ("own", "endpoint"),
    [
        ({}, FAR4),
        ({}, FAR6),
        ({"host": "::"}, FAR4),
        ({"host": "::1"}, FAR6),
        ({"host": "192.0.2.1"}, FAR6),
        ({"host": "2001:db8::1"}, FAR4),
        ({"public_url": "http://localhost:5066"}, FAR4),
    ],
)
def test_an_endpoint_from_which_no_link_can_be_opened_is_named(
    own: dict[str, Any], endpoint: str
) -> None:
    warning = _warnings(own, endpoint, NAMED)
    assert endpoint in warning
    assert NAMED not in warning
    assert "easyai.public_url" in warning


@pytest.mark.parametrize(
    ("own", "endpoint"),
    [
        ({}, HERE),
        ({}, HERE6),
        ({"host": "::1"}, HERE),
        ({"host": "192.0.2.1"}, FAR4),
        ({"host": "2001:db8::1"}, FAR6),
        ({"host": "192.0.2.1"}, HERE6),
        ({}, NAMED),
        ({"public_url": "http://easyai.example"}, FAR4),
        ({"public_url": "http://192.0.2.1:5066"}, FAR4),
    ],
)
def test_a_link_that_can_be_opened_is_no_warning(own: dict[str, Any], endpoint: str) -> None:
    assert _warnings(own, endpoint) == ""


def test_no_link_warning_where_up_listens_on_every_address() -> None:
    for own, count in (
        ({"host": "::"}, 0),
        ({}, 1),
        ({"host": "::", "public_url": "http://[::1]"}, 1),
    ):
        settings = Settings.model_validate({"easyai": own})
        assert len(link_warnings(settings, [FAR4], fitted=True)) == count, own


def test_endpoints_come_from_the_settings_and_the_registry(installation: Installation) -> None:
    installation.service("far", "人数统计", endpoint=FAR4)
    (warning,) = link_warnings(load())
    assert FAR4 in text(warning)
    camera = {"id": "门口1", "preferred_algorithm_endpoint": FAR6}
    named = Settings.model_validate({"frame_extractor": {"tasks": [camera]}})
    (warning,) = link_warnings(named, ())
    assert FAR6 in text(warning)


def test_the_password_of_an_endpoint_is_hidden() -> None:
    assert "http://user:********@192.0.2.7/infer" in _warnings({}, "http://user:pw@192.0.2.7/infer")
